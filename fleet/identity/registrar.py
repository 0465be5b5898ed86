"""Decides who gets a certificate: by a claim code, or by the one it has; and takes certificates back.

Every answer is committed before it is given. The same request again gets the same answer, so a device may lose its
power, or its connection, between any two steps and simply ask again.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from contract import claim_code
from contract.codec import to_json
from contract.enrolment import (
    ClaimAnswer,
    ClaimRequest,
    Membership,
    Renewed,
    RenewRequest,
    renewal_words,
)
from contract.errors import ConfigError, LinkError
from fleet.identity import authority, claims, folder, ledger
from fleet.identity.broker_files import BrokerFiles
from fleet.identity.claims import Claim
from fleet.identity.ledger import Issued
from fleet.identity.requests import key_digest, key_of
from fleet.people.audit import note
from fleet.refusals import ConflictError, NotAdmittedError, NotFoundError
from fleet.store import Store

RENEW_AT = 2 / 3
"""Of a certificate's life."""
GRACE_DAYS = 365.0
_SOONEST_S = 3600.0


class CopiedError(ConflictError):
    """Two boards with one identity."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What members are told, and for how long they are members."""

    ca: Path
    """The authority's folder."""
    broker: str
    """Where devices find it: `mqtts://HOST[:PORT]`."""
    publishers: tuple[str, ...] = ()
    fleet_keys: tuple[str, ...] = ()
    device_days: float = authority.DEVICE_DAYS
    grace_days: float = GRACE_DAYS
    """How long after its end a certificate may still be renewed by whoever holds its key."""
    broker_files: Path | None = None
    """The folder of `fleet broker configure`, to be kept up to date on this machine."""


class Registrar:
    """One fleet's. For any thread: the store keeps two requests apart."""

    def __init__(
        self,
        fleet: str,
        store: Store,
        terms: Terms,
        *,
        root: Callable[[], str] = lambda: "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`root` gives the update repository's newest root.json. ConfigError where the authority cannot be used."""
        self.terms = terms
        self._fleet, self._store, self._root, self._clock = fleet, store, root, clock
        self._issuing = folder.open_issuing(terms.ca)
        self._authorities = authority.pem(folder.root_certificate(terms.ca))
        if self._issuing.fleet != fleet:
            raise ConfigError(
                f"this authority is the fleet {self._issuing.fleet!r}'s, not {fleet!r}'s",
                where=str(terms.ca),
                fix="Give each fleet an authority of its own.",
            )
        self.broker_files = None if terms.broker_files is None else BrokerFiles(terms.broker_files)
        self.publish_revocations()

    def claim(self, request: ClaimRequest) -> ClaimAnswer:
        """A certificate for the holder of a claim code. NotFoundError, ConflictError, NotAdmittedError, ConfigError."""
        now_s = self._clock()
        with self._writing() as connection:
            claim = claims.proved(connection, request.claim, request.csr, request.proof)
            issued = None if claim is None else self._claimed(connection, claim, key_of(request.csr), now_s)
        if claim is None or issued is None:
            raise NotAdmittedError("this does not prove a claim code", where="claim code", fix="Type it again.")
        if claim.replaces and claim.serial is None:
            self.publish_revocations()
        membership = to_json(self._membership(claim, issued)).decode()
        proof = claim_code.answer_proof(bytes.fromhex(claim.key), request.csr, membership)
        return ClaimAnswer(membership=membership, proof=proof)

    def _claimed(self, connection: Connection, claim: Claim, key: ec.EllipticCurvePublicKey, now_s: float) -> Issued:
        before = ledger.by_key(connection, key_digest(key))
        if before is not None:
            return self._claimed_before(connection, claim, before)
        claims.check_usable(claim, now_s=now_s)
        standing = ledger.standing(connection, claim.device)
        if standing and not claim.replaces:
            raise ConflictError("this device has a certificate already", where=claim.device, fix="Use --replace.")
        ledger.revoke(connection, standing, reason="replaced by another board", by=claim.created_by, now_s=now_s)
        issued = ledger.issue(connection, self._issuing, claim.device, key, now_s=now_s, days=self.terms.device_days)
        if not claims.use(connection, claim, issued.serial):
            raise ConflictError("this claim code was used already", where="claim code", fix="Ask for a new one.")
        note(connection, by="device", act="enrolled", about=claim.device, detail=f"certificate {issued.serial}")
        return issued

    def _claimed_before(self, connection: Connection, claim: Claim, before: Issued) -> Issued:
        """The very board that has used this code asks again; anybody else's key is refused."""
        if claim.serial != before.serial:
            raise ConflictError("this key has a certificate already", where="csr", fix="Make a new key.")
        if ledger.is_revoked(connection, before.serial):
            raise _revoked(before.device)
        return before

    def renew(self, request: RenewRequest) -> Renewed:
        """The next certificate for the holder of the present one, also some time after its end.

        NotAdmittedError for one that is not ours, is too old, was revoked, or whose key did not sign.
        """
        present, key = _proved(request), key_of(request.csr)
        try:
            return self._renew(present, key, self._clock())
        except CopiedError as refusal:
            with self._store.writing() as connection:
                note(connection, by="device", act="renewal refused", about=refusal.where, detail=refusal.what)
            raise

    def _renew(self, present: x509.Certificate, key: ec.EllipticCurvePublicKey, now_s: float) -> Renewed:
        with self._writing() as connection:
            row = ledger.by_serial(connection, ledger.serial_text(present.serial_number))
            if row is None or ledger.leaf(row) != present:
                raise NotAdmittedError("this certificate is none of ours", where="certificate", fix="Enrol anew.")
            if ledger.is_revoked(connection, row.serial):
                raise _revoked(row.device)
            if now_s > row.expires_s + self.terms.grace_days * 86400:
                raise NotAdmittedError(
                    "this certificate has ended too long ago", where=row.device, fix="Enrol anew with a claim code."
                )
            return self._renewed(connection, row, key, now_s)

    def _renewed(self, connection: Connection, row: Issued, key: ec.EllipticCurvePublicKey, now_s: float) -> Renewed:
        following = ledger.successor(connection, row.serial)
        if following is not None:
            return self._renewed_before(connection, row, following, key, now_s)
        due_s = _due_s(row)
        if now_s < due_s:
            return Renewed(renew_in_s=due_s - now_s)
        if ledger.by_key(connection, key_digest(key)) is not None:
            raise ConflictError("this key has a certificate already", where="csr", fix="Make a new key.")
        days = self.terms.device_days
        issued = ledger.issue(
            connection, self._issuing, row.device, key, now_s=now_s, days=days, predecessor=row.serial
        )
        note(
            connection, by="device", act="certificate renewed", about=row.device, detail=f"certificate {issued.serial}"
        )
        return Renewed(chain=issued.chain, renew_in_s=max(_due_s(issued) - now_s, _SOONEST_S))

    def _renewed_before(
        self, connection: Connection, row: Issued, following: Issued, key: ec.EllipticCurvePublicKey, now_s: float
    ) -> Renewed:
        """The same request again. Another key means that there are two boards with one identity: a copied card."""
        if following.key != key_digest(key):
            raise CopiedError(
                "this certificate was renewed already, for another key: was the card copied?",
                where=row.device,
                fix="Enrol this board anew: edgeferry fleet enroll code --device ID --replace",
            )
        if ledger.is_revoked(connection, following.serial):
            raise _revoked(row.device)
        return Renewed(chain=following.chain, renew_in_s=max(_due_s(following) - now_s, _SOONEST_S))

    def revoke(self, device: str, *, reason: str, by: str) -> list[Issued]:
        """Every certificate of a device ends, and its unused claim codes. NotFoundError where it has none."""
        now_s = self._clock()
        with self._store.writing() as connection:
            standing = ledger.standing(connection, device)
            if not standing:
                raise NotFoundError("this device has no certificate", where=device, fix="See: fleet identity list")
            ledger.revoke(connection, standing, reason=reason, by=by, now_s=now_s)
            claims.void(connection, device, now_s=now_s)
            note(connection, by=by, act="certificates revoked", about=device, detail=reason)
        self.publish_revocations()
        return standing

    def revoke_service(self, name: str, *, reason: str, by: str) -> Issued:
        """The present certificate of one of the fleet's own programs ends."""
        found = {made.name: made.certificate for made in folder.certificates(self.terms.ca)}
        certificate = found.get(name)
        if certificate is None or name in ("root", "issuing"):
            raise NotFoundError("there is no such service", where=name, fix="See: fleet ca show")
        row = Issued(ledger.serial_text(certificate.serial_number), name, "", "", 0.0, 0.0, None)
        with self._store.writing() as connection:
            ledger.revoke(connection, [row], reason=reason, by=by, now_s=self._clock())
            note(connection, by=by, act="certificates revoked", about=name, detail=reason)
        self.publish_revocations()
        return row

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A transaction; LinkError, which devices try again after, where another request was a moment quicker."""
        try:
            with self._store.writing() as connection:
                yield connection
        except IntegrityError as collision:
            raise LinkError("two requests met", where="identity", fix="Try again.") from collision

    def publish_revocations(self) -> None:
        """Write the list of revocations anew, and the broker's rules where its folder is on this machine.

        In a transaction that writes, so that two of them do not overtake each other.
        """
        with self._store.writing() as connection:
            data = folder.write_crl(self.terms.ca, self._issuing, ledger.revoked_serials(connection))
            if self.broker_files is not None:
                self.broker_files.update(data, ledger.banished(connection))

    def revocations(self) -> tuple[str, list[str]]:
        """The list of revocations (PEM), and the devices nobody may hear: for a broker on another machine."""
        with self._store.reading() as connection:
            banished = ledger.banished(connection)
        return (self.terms.ca / folder.CRL).read_text(), banished

    def _membership(self, claim: Claim, issued: Issued) -> Membership:
        tags: Mapping[str, str] = claims.tags_of(claim)
        return Membership(
            fleet=self._fleet,
            device=issued.device,
            chain=issued.chain,
            authorities=self._authorities,
            broker=self.terms.broker,
            publishers=self.terms.publishers,
            fleet_keys=self.terms.fleet_keys,
            root=self._root(),
            profile=claim.profile,
            site=claim.site,
            tags=dict(tags),
        )


def _due_s(row: Issued) -> float:
    """Counted like the device does, from the certificate's beginning."""
    begins_s = row.issued_s - authority.SLACK.total_seconds()
    return begins_s + (row.expires_s - begins_s) * RENEW_AT


def _proved(request: RenewRequest) -> x509.Certificate:
    """The present certificate, if its key has signed the request."""
    try:
        certificate = x509.load_pem_x509_certificate(request.certificate.encode())
        key = certificate.public_key()
        signature = base64.b64decode(request.signature, validate=True)
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise InvalidSignature
        key.verify(signature, renewal_words(request.certificate, request.csr), ec.ECDSA(hashes.SHA256()))
    except (ValueError, binascii.Error, InvalidSignature, UnsupportedAlgorithm) as problem:
        raise NotAdmittedError(
            "this is not signed by the certificate's key", where="renewal", fix="Enrol anew with a claim code."
        ) from problem
    return certificate


def _revoked(device: str) -> NotAdmittedError:
    return NotAdmittedError(
        "this certificate was revoked", where=device, fix="Enrol anew, if the board is where it belongs."
    )
