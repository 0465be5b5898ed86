"""How a device gets its certificate and the next one: the private key is made here and never leaves.

Each step can be cut off and done again. The key is on the medium before anybody hears of it; the same code with the
same key gets the same answer, and so does a renewal; the certificate takes its place beside the key in one rename.
"""

from __future__ import annotations

import base64
import hmac
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from msgspec import Struct

from contract import claim_code
from contract.codec import from_json, plain, to_json
from contract.enrolment import (
    ANSWER_LIMIT_BYTES,
    CLAIM_PATH,
    RENEW_PATH,
    ClaimAnswer,
    ClaimRequest,
    Membership,
    Renewed,
    RenewRequest,
    renewal_words,
)
from contract.errors import ConfigError, LinkError, SignatureError
from edge.clock import FleetClock
from edge.http_post import post
from edge.member_files import MemberFiles, MemberTerms

T = TypeVar("T")
_TRY_AGAIN = (408, 429)


class _Problem(Struct, frozen=True, kw_only=True):
    """A refusal of the fleet's server."""

    what: str = ""
    where: str = ""
    fix: str = ""


class Server:
    """Where a device asks. `ca_file` are the authorities of its https certificate; None for the system's."""

    def __init__(self, url: str, *, ca_file: str | None = None, clock: FleetClock | None = None) -> None:
        self.url, self._ca_file, self._clock = url, ca_file, clock

    def ask(self, path: str, question: Struct, kind: type[T]) -> T:
        """ConfigError where it says no, in its own words; LinkError where asking again later may help."""
        answer = post(
            self.url,
            path,
            to_json(question),
            limit_bytes=ANSWER_LIMIT_BYTES,
            ca_file=self._ca_file,
            clock=self._clock,
        )
        if answer.status == 200:
            return from_json(answer.body, kind, where=self.url, error=LinkError)
        try:
            said = from_json(answer.body, _Problem, where=self.url, error=LinkError)
        except LinkError:
            said = _Problem()
        words = plain(said.what) or f"it answers HTTP {answer.status}"
        refused = 400 <= answer.status < 500 and answer.status not in _TRY_AGAIN
        error = ConfigError if refused and said.what else LinkError
        raise error(words, where=plain(said.where) or self.url, fix=plain(said.fix) or "Is that a fleet server?")


def enrol(
    code: str,
    server: Server,
    files: MemberFiles,
    *,
    fingerprint: str | None = None,
    expected: tuple[str, str] | None = None,
) -> Membership:
    """Become a member: certificate and root are in `files` when this returns.

    SignatureError where the answer does not prove that the server made the code, or hangs together wrongly;
    `fingerprint` (`sha256:…`) must be the root's, where it is given. ConfigError where the code is of no use, or not
    for the fleet and device `expected` here.
    """
    keys = claim_code.keys_of(code)
    key = _key_for(keys.id, files)
    csr = _request(key)
    question = ClaimRequest(claim=keys.id, csr=csr, proof=claim_code.request_proof(keys.key, csr))
    answer = server.ask(CLAIM_PATH, question, ClaimAnswer)
    if not hmac.compare_digest(claim_code.answer_proof(keys.key, csr, answer.membership), answer.proof):
        raise SignatureError(
            "the answer does not prove that this server made the code",
            where=server.url,
            fix="Somebody may stand in between, or this is another fleet's server: check --server.",
        )
    membership = from_json(answer.membership.encode(), Membership, where=server.url, error=LinkError)
    if expected not in (None, (membership.fleet, membership.device)):
        raise ConfigError(
            f"this code is for {plain(f'{membership.fleet}/{membership.device}')}, not {'/'.join(expected or ())}",
            where="claim code",
            fix="Use the code of this very device.",
        )
    authorities = membership.authorities.encode()
    root = _certificates(authorities, server.url)[0]
    found = "sha256:" + root.fingerprint(hashes.SHA256()).hex()
    if fingerprint is not None and fingerprint.lower().replace("sha256:", "").replace(":", "") != found[7:]:
        raise SignatureError(
            f"the fleet's root is {found}, not the one expected", where=server.url, fix="Check --fingerprint."
        )
    leaf = _checked_chain(membership.chain, root, key, membership.device, server.url)
    terms = _terms(leaf, claim=keys.id)
    files.keep_member(_private(key), membership.chain.encode(), terms, authorities)
    return membership


def renew(server: Server, files: MemberFiles, device: str) -> float:
    """Ask for the next certificate; seconds until asking again makes sense.

    ConfigError where the server refuses, LinkError where it does not answer, SignatureError for a wrong answer.
    """
    present = files.identity_pem()
    old_key = _load_key(present)
    if old_key is None:
        raise ConfigError("there is no key in it", where=str(files.identity), fix="Enrol anew: edgeferry enroll CODE")
    leaf = _certificates(present, str(files.identity))[0]
    purpose = f"{leaf.serial_number:x}"
    key = _load_key(files.next_key(purpose)) or _new_key(files, purpose)
    certificate, csr = leaf.public_bytes(serialization.Encoding.PEM).decode(), _request(key)
    signature = old_key.sign(renewal_words(certificate, csr), ec.ECDSA(hashes.SHA256()))
    question = RenewRequest(certificate=certificate, csr=csr, signature=base64.b64encode(signature).decode())
    answer = server.ask(RENEW_PATH, question, Renewed)
    if answer.chain:
        root = _certificates(files.authorities.read_bytes(), str(files.authorities))[0]
        renewed = _checked_chain(answer.chain, root, key, device, server.url)
        files.keep_member(_private(key), answer.chain.encode(), _terms(renewed), None)
    return max(answer.renew_in_s, 60.0)


def _key_for(claim: str, files: MemberFiles) -> ec.EllipticCurvePrivateKey:
    """The key that has used this very code, or was to use it, if power went between; else a new one."""
    terms = files.terms()
    used = _load_key(files.identity_pem()) if terms is not None and terms.claim == claim else None
    return used or _load_key(files.next_key(claim)) or _new_key(files, claim)


def _new_key(files: MemberFiles, purpose: str) -> ec.EllipticCurvePrivateKey:
    key = ec.generate_private_key(ec.SECP256R1())
    files.keep_next_key(purpose, _private(key))
    return key


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _load_key(pem: bytes) -> ec.EllipticCurvePrivateKey | None:
    """The P-256 key in `pem`; None where there is none that can be used."""
    begin = pem.find(b"-----BEGIN PRIVATE KEY-----")
    try:
        key = serialization.load_pem_private_key(pem[begin:], password=None) if begin >= 0 else None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1) else None


def _request(key: ec.EllipticCurvePrivateKey) -> str:
    """A CSR without a subject: the server knows who we are, or does not believe it anyway."""
    made = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


def _certificates(pem: bytes, where: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as problem:
        raise SignatureError("this is no certificate", where=where, fix="Ask the fleet's administrator.") from problem


def _checked_chain(
    pem: str, root: x509.Certificate, key: ec.EllipticCurvePrivateKey, device: str, where: str
) -> x509.Certificate:
    """The leaf, if it is ours and leads to the root; SignatureError otherwise.

    Whether it is in time is not asked: this device's clock may be wrong, and the broker's is not.
    """
    chain = _certificates(pem.encode(), where)
    names = chain[0].subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if [name.value for name in names] != [device] or chain[0].public_key() != key.public_key():
        raise SignatureError("this certificate is another device's", where=where, fix="Is that the right server?")
    try:
        for issued, issuer in zip(chain, [*chain[1:], root], strict=True):
            issued.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature) as problem:
        raise SignatureError(
            "this certificate does not come from the fleet's root", where=where, fix="Is that the right server?"
        ) from problem
    return chain[0]


def _terms(leaf: x509.Certificate, *, claim: str = "") -> MemberTerms:
    begins, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    return MemberTerms(begins_s=begins.timestamp(), ends_s=ends.timestamp(), claim=claim)
