"""The authority on disk: one folder, whose `root.key` belongs elsewhere once everything is made.

| File | Mode | What |
|---|---|---|
| `root.key` | 0600 | only for `ca init` and `ca renew`: keep it on a stick, not on the server |
| `ca.pem` | 0644 | the root's certificate: whom devices, broker and services believe |
| `issuing.key`, `issuing.pem` | 0600, 0644 | what the server issues with |
| `crl.pem` | 0644 | what was revoked |
| `NAME.key`, `NAME.pem` | 0600, 0644 | of the broker and of services; the certificate with the issuing one behind it |
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from contract.errors import ConfigError
from contract.topics import checked_name
from fleet.identity import authority
from fleet.identity.authority import Authority
from fleet.identity.safe_files import PUBLIC, SECRET, read_whole, write_whole

ROOT_KEY, ROOT, ISSUING_KEY, ISSUING, CRL = "root.key", "ca.pem", "issuing.key", "issuing.pem", "crl.pem"
BROKER = "broker"
SERVICE_PREFIX = "fleet-"
"""Names that begin so are the fleet's own programs', and never a device's."""
_MAKE = "Make an authority: edgeferry fleet ca init --fleet NAME --out DIR"
_TAKEN = frozenset({"root", "issuing", "ca", "crl", BROKER})


class Made(NamedTuple):
    """One certificate of the folder."""

    name: str
    certificate: x509.Certificate


def now() -> datetime:
    """In UTC, whole seconds, as certificates count."""
    return datetime.now(timezone.utc).replace(microsecond=0)


def begin(
    folder: Path, fleet: str, *, root_key: Path | None = None, root_days: float, issuing_days: float
) -> tuple[Authority, Authority]:
    """A new root and issuing authority in `folder`, which must hold none; the root's key in `root_key` if named."""
    checked_name(fleet, what="fleet")
    key_file = root_key or folder / ROOT_KEY
    for taken in (key_file, *(folder / name for name in (ROOT_KEY, ROOT, ISSUING_KEY, ISSUING))):
        if taken.exists():
            raise ConfigError("there is a file already", where=str(taken), fix="Choose another folder.")
    root = authority.make_root(fleet, now=now(), days=root_days)
    issuing = authority.make_issuing(root, now=now(), days=issuing_days)
    write_whole(key_file, authority.key_pem(root.key), SECRET)
    write_whole(folder / ISSUING_KEY, authority.key_pem(issuing.key), SECRET)
    write_whole(folder / ISSUING, authority.pem(issuing.certificate).encode())
    write_whole(folder / CRL, _crl_pem(authority.revocation_list(issuing, (), this_update=_next_update(None))))
    write_whole(folder / ROOT, authority.pem(root.certificate).encode())  # last: the folder counts from here on
    return root, issuing


def renew_issuing(folder: Path, *, root_key: Path | None, days: float) -> Authority:
    """The issuing authority under a new certificate, with the key it has; signed by the root's key."""
    root = Authority(read_key(root_key or folder / ROOT_KEY), root_certificate(folder))
    if root.key.public_key() != root.certificate.public_key():
        raise ConfigError(
            "this key is not the root's", where=str(root_key or folder / ROOT_KEY), fix="Name the root's key."
        )
    issuing = authority.make_issuing(root, now=now(), days=days, key=open_issuing(folder).key)
    before = read_crl(folder)
    write_whole(folder / ISSUING, authority.pem(issuing.certificate).encode())
    if before is not None:
        write_crl(folder, issuing, [(entry.serial_number, entry.revocation_date_utc) for entry in before])
    return issuing


def open_issuing(folder: Path) -> Authority:
    """What the server issues with. ConfigError where it is absent, damaged, or key and certificate do not belong."""
    issuing = Authority(read_key(folder / ISSUING_KEY), _certificate(folder / ISSUING))
    root = root_certificate(folder)
    try:
        issuing.certificate.verify_directly_issued_by(root)
        sound = issuing.key.public_key() == issuing.certificate.public_key()
    except (InvalidSignature, ValueError, TypeError) as problem:
        raise _unfit(folder / ISSUING, "it was not issued by ca.pem") from problem
    if not sound:
        raise _unfit(folder / ISSUING, "it does not go with issuing.key")
    return issuing


def root_certificate(folder: Path) -> x509.Certificate:
    """Whom everybody believes."""
    return _certificate(folder / ROOT)


def make_broker(folder: Path, names: list[str], *, days: float) -> Made:
    """A certificate for the broker, which replaces the one before."""
    issuing, key = open_issuing(folder), authority.new_key()
    sans = [authority.san(name) for name in names]
    made = authority.issue_broker(issuing, sans, key.public_key(), now=now(), days=days)
    return _kept(folder, BROKER, key, made, issuing)


def make_service(folder: Path, name: str, *, days: float) -> Made:
    """A certificate for one of the fleet's own programs, which replaces the one before."""
    checked_name(name, what="service")
    if name in _TAKEN:
        raise ConfigError(f"{name!r} is taken", where="service", fix=f"Call it {SERVICE_PREFIX}something.")
    issuing, key = open_issuing(folder), authority.new_key()
    made = authority.issue_service(issuing, name, key.public_key(), now=now(), days=days)
    return _kept(folder, name, key, made, issuing)


def certificates(folder: Path) -> list[Made]:
    """Everything in the folder: root and issuing first, then by name."""
    first = [Made("root", root_certificate(folder)), Made("issuing", open_issuing(folder).certificate)]
    rest = sorted(path for path in folder.glob("*.pem") if path.name not in (ROOT, ISSUING, CRL))
    return first + [Made(path.stem, _certificate(path)) for path in rest]


def read_crl(folder: Path) -> x509.CertificateRevocationList | None:
    """The list of revocations in a folder; None where there is none, or none that can be read."""
    try:
        return x509.load_pem_x509_crl((folder / CRL).read_bytes())
    except (OSError, ValueError):
        return None


def write_crl(folder: Path, issuing: Authority, revoked: list[tuple[int, datetime]]) -> bytes:
    """A new list of revocations in `folder`, later than the one before; its PEM bytes."""
    before = read_crl(folder)
    update = _next_update(None if before is None else before.last_update_utc)
    data = _crl_pem(authority.revocation_list(issuing, revoked, this_update=update))
    write_whole(folder / CRL, data, PUBLIC)
    return data


def read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """A P-256 private key; ConfigError where there is none."""
    data = read_whole(path, "the key", _MAKE)
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as problem:
        raise _unfit(path, "it is no private key in PEM form") from problem
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _unfit(path, "it is no P-256 key")
    return key


def _next_update(before: datetime | None) -> datetime:
    """Mosquitto adds a reloaded list beside the one before, and OpenSSL takes the later one, by whole seconds.

    Two revocations within a second must not look alike, and none may be from the future; so lists are dated back.
    """
    wanted = now() - timedelta(minutes=10)
    return wanted if before is None else max(wanted, before + timedelta(seconds=1))


def _kept(folder: Path, name: str, key: ec.EllipticCurvePrivateKey, made: x509.Certificate, issuing: Authority) -> Made:
    """Certificate and key beside each other; whoever reads between the two writes finds them at odds, and says so."""
    write_whole(folder / f"{name}.key", authority.key_pem(key), SECRET)
    write_whole(folder / f"{name}.pem", authority.pem(made, issuing.certificate).encode())
    return Made(name, made)


def _certificate(path: Path) -> x509.Certificate:
    data = read_whole(path, "the certificate", _MAKE)
    try:
        return x509.load_pem_x509_certificates(data)[0]
    except ValueError as problem:
        raise _unfit(path, "it is no certificate in PEM form") from problem


def _crl_pem(crl: x509.CertificateRevocationList) -> bytes:
    return crl.public_bytes(serialization.Encoding.PEM)


def _unfit(path: Path, what: str) -> ConfigError:
    return ConfigError(what, where=os.fspath(path), fix="Restore the folder from its backup, or make a new authority.")
