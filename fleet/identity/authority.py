"""The fleet's own certificate authority: a root that may lie in a drawer, and below it the one the server issues with.

P-256 with SHA-256 throughout, which mosquitto, OpenSSL, paho and 32-bit boards take without a thought (Ed25519 client
certificates fail with older OpenSSL builds and most hardware). Certificates of authorities, brokers and services begin
in 1970: a board without a clock battery wakes up long ago and must not find its own broker "not yet valid". They end
when they say. The profile is RFC 5280's: basic constraints, key usage, extended key usage, key identifiers.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from contract.errors import ConfigError

ROOT_DAYS, ISSUING_DAYS, BROKER_DAYS, SERVICE_DAYS, DEVICE_DAYS = 20 * 365.0, 5 * 365.0, 2 * 365.0, 2 * 365.0, 90.0
_ALWAYS = datetime(1970, 1, 1, tzinfo=timezone.utc)
SLACK = timedelta(hours=1)
"""A broker's clock may be behind ours."""
Name = x509.DNSName | x509.IPAddress


@dataclass(frozen=True)
class Authority:
    """A key with the certificate that says it may issue."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def fleet(self) -> str:
        """Whose it is."""
        return organisation(self.certificate)


def new_key() -> ec.EllipticCurvePrivateKey:
    """P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def make_root(fleet: str, *, now: datetime, days: float = ROOT_DAYS) -> Authority:
    """A new root: it vouches for issuing authorities (path length 1), and for itself."""
    key = new_key()
    name = _name(fleet, f"{fleet} root")
    builder = _builder(name, name, key.public_key(), _ALWAYS, now + timedelta(days=days))
    builder = _authority_extensions(builder, key.public_key(), key.public_key(), path_length=1)
    return Authority(key, builder.sign(key, hashes.SHA256()))


def make_issuing(
    root: Authority, *, now: datetime, days: float = ISSUING_DAYS, key: ec.EllipticCurvePrivateKey | None = None
) -> Authority:
    """The authority the server works with: it issues to devices and services, and to no further authority.

    With `key` an issuing authority goes on under a new certificate: whatever it has issued stays good.
    """
    key = key or new_key()
    builder = _builder(
        _name(root.fleet, f"{root.fleet} issuing"),
        root.certificate.subject,
        key.public_key(),
        _ALWAYS,
        _no_later(root, now + timedelta(days=days)),
    )
    builder = _authority_extensions(builder, key.public_key(), root.key.public_key(), path_length=0)
    return Authority(key, builder.sign(root.key, hashes.SHA256()))


def issue_device(
    issuing: Authority, device: str, key: ec.EllipticCurvePublicKey, *, now: datetime, days: float = DEVICE_DAYS
) -> x509.Certificate:
    """For a device's own key: client authentication and nothing else."""
    return _leaf(issuing, device, key, begins=now - SLACK, ends=now + timedelta(days=days))


def issue_service(
    issuing: Authority, name: str, key: ec.EllipticCurvePublicKey, *, now: datetime, days: float = SERVICE_DAYS
) -> x509.Certificate:
    """For one of the fleet's own programs at the broker."""
    return _leaf(issuing, name, key, begins=_ALWAYS, ends=now + timedelta(days=days))


def issue_broker(
    issuing: Authority,
    names: Sequence[Name],
    key: ec.EllipticCurvePublicKey,
    *,
    now: datetime,
    days: float = BROKER_DAYS,
) -> x509.Certificate:
    """For whoever listens under these names: server authentication and nothing else."""
    return _leaf(issuing, "broker", key, begins=_ALWAYS, ends=now + timedelta(days=days), names=names)


def san(text: str) -> Name:
    """A name or an address as a broker's certificate carries it; ConfigError where it is neither."""
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        pass
    if not text.isascii() or not text or " " in text or "/" in text or ":" in text:
        raise ConfigError(f"{text!r} is neither a host name nor an address", where="--name", fix="Write HOST or IP.")
    return x509.DNSName(text)


def revocation_list(
    issuing: Authority, revoked: Sequence[tuple[int, datetime]], *, this_update: datetime
) -> x509.CertificateRevocationList:
    """Serial numbers and when each was revoked, good for as long as the authority is.

    It does not end sooner, because a broker with an expired list lets nobody in: a fleet must not go dark because
    nobody wrote a file anew.
    """
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuing.certificate.subject)
        .last_update(this_update)
        .next_update(issuing.certificate.not_valid_after_utc)
        .add_extension(_authority_key(issuing.certificate.public_key()), critical=False)
        .add_extension(x509.CRLNumber(int(this_update.timestamp())), critical=False)
    )
    for serial, at in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(issuing.key, hashes.SHA256())


def pem(*certificates: x509.Certificate) -> str:
    """One after the other, the leaf first."""
    return "".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in certificates)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """PKCS#8, not encrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def fingerprint(certificate: x509.Certificate) -> str:
    """`sha256:…` of the DER bytes, as `openssl x509 -fingerprint -sha256` counts it."""
    return "sha256:" + certificate.fingerprint(hashes.SHA256()).hex()


def common_name(certificate: x509.Certificate) -> str:
    """Whose it is; empty where it says none."""
    return _attribute(certificate, NameOID.COMMON_NAME)


def organisation(certificate: x509.Certificate) -> str:
    """The fleet."""
    return _attribute(certificate, NameOID.ORGANIZATION_NAME)


def _attribute(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    found = certificate.subject.get_attributes_for_oid(oid)
    return str(found[0].value) if len(found) == 1 else ""


def _leaf(
    issuing: Authority,
    name: str,
    key: ec.EllipticCurvePublicKey,
    *,
    begins: datetime,
    ends: datetime,
    names: Sequence[Name] = (),
) -> x509.Certificate:
    """`names` make it a server's; without, it is a client's."""
    usage = ExtendedKeyUsageOID.SERVER_AUTH if names else ExtendedKeyUsageOID.CLIENT_AUTH
    builder = (
        _builder(_name(issuing.fleet, name), issuing.certificate.subject, key, begins, _no_later(issuing, ends))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(_authority_key(issuing.key.public_key()), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(issuing.key, hashes.SHA256())


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, begins: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )


def _authority_extensions(
    builder: x509.CertificateBuilder,
    key: ec.EllipticCurvePublicKey,
    issuer_key: ec.EllipticCurvePublicKey,
    *,
    path_length: int,
) -> x509.CertificateBuilder:
    return (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_key_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(_authority_key(issuer_key), critical=False)
    )


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _authority_key(key: object) -> x509.AuthorityKeyIdentifier:
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key)


def _no_later(issuer: Authority, ends: datetime) -> datetime:
    """Nothing outlives whoever vouches for it; ConfigError where that has ended."""
    last = issuer.certificate.not_valid_after_utc
    if last <= datetime.now(timezone.utc):
        raise ConfigError(
            f"the authority {common_name(issuer.certificate)!r} ended on {last.date()}",
            where="certificate authority",
            fix="Renew it with the root's key: edgeferry fleet ca renew",
        )
    return min(ends, last)


def _name(fleet: str, common: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, fleet), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    )
