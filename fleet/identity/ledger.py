"""The books about certificates: what was issued to whom, what was revoked, and what is good at this moment."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import NamedTuple

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy.engine import Connection

from fleet import tables
from fleet.identity import authority
from fleet.identity.authority import Authority
from fleet.identity.requests import key_digest

_CERTIFICATES, _REVOCATIONS = tables.CERTIFICATES, tables.REVOCATIONS


class Issued(NamedTuple):
    """One row of `certificates`."""

    serial: str
    device: str
    key: str
    chain: str
    issued_s: float
    expires_s: float
    predecessor: str | None


def serial_text(serial: int) -> str:
    """As the tables have it."""
    return f"{serial:040x}"


def issue(
    connection: Connection,
    issuing: Authority,
    device: str,
    key: ec.EllipticCurvePublicKey,
    *,
    now_s: float,
    days: float,
    predecessor: str | None = None,
) -> Issued:
    """A new certificate, written down before anybody sees it."""
    now = datetime.fromtimestamp(int(now_s), timezone.utc)
    made = authority.issue_device(issuing, device, key, now=now, days=days)
    row = Issued(
        serial=serial_text(made.serial_number),
        device=device,
        key=key_digest(key),
        chain=authority.pem(made, issuing.certificate),
        issued_s=float(int(now_s)),
        expires_s=made.not_valid_after_utc.timestamp(),
        predecessor=predecessor,
    )
    connection.execute(_CERTIFICATES.insert().values(**row._asdict()))
    return row


def by_serial(connection: Connection, serial: str) -> Issued | None:
    """The certificate with this number."""
    return _one(connection, _CERTIFICATES.c.serial == serial)


def by_key(connection: Connection, key: str) -> Issued | None:
    """The certificate of this key; no key is certified twice."""
    return _one(connection, _CERTIFICATES.c.key == key)


def successor(connection: Connection, serial: str) -> Issued | None:
    """The certificate that renewed this one."""
    return _one(connection, _CERTIFICATES.c.predecessor == serial)


def is_revoked(connection: Connection, serial: str) -> bool:
    """Whether it counts no more."""
    found = connection.scalar(sa.select(_REVOCATIONS.c.serial).where(_REVOCATIONS.c.serial == serial))
    return found is not None


def standing(connection: Connection, device: str) -> list[Issued]:
    """Certificates of a device that were not revoked, oldest first; they may have ended."""
    query = (
        sa.select(_CERTIFICATES)
        .outerjoin(_REVOCATIONS, _REVOCATIONS.c.serial == _CERTIFICATES.c.serial)
        .where(_CERTIFICATES.c.device == device, _REVOCATIONS.c.serial.is_(None))
        .order_by(_CERTIFICATES.c.issued_s, _CERTIFICATES.c.serial)
    )
    return [Issued(*row) for row in connection.execute(query)]


def revoke(connection: Connection, rows: list[Issued], *, reason: str, by: str, now_s: float) -> None:
    """They count no more; those revoked before keep their reason."""
    for row in rows:
        if not is_revoked(connection, row.serial):
            values = {"serial": row.serial, "device": row.device, "reason": reason, "revoked_s": now_s, "by": by}
            connection.execute(_REVOCATIONS.insert().values(**values))


def revoked_serials(connection: Connection) -> list[tuple[int, datetime]]:
    """For the list of revocations, in the order they came."""
    query = sa.select(_REVOCATIONS.c.serial, _REVOCATIONS.c.revoked_s).order_by(
        _REVOCATIONS.c.revoked_s, _REVOCATIONS.c.serial
    )
    return [
        (int(serial, 16), datetime.fromtimestamp(int(at), timezone.utc)) for serial, at in connection.execute(query)
    ]


def banished(connection: Connection) -> list[str]:
    """Devices that had certificates and have none that counts: not even a standing connection may serve them."""
    stands = (
        sa.select(_CERTIFICATES.c.device)
        .outerjoin(_REVOCATIONS, _REVOCATIONS.c.serial == _CERTIFICATES.c.serial)
        .where(_REVOCATIONS.c.serial.is_(None))
    )
    query = sa.select(_CERTIFICATES.c.device).where(_CERTIFICATES.c.device.not_in(stands)).distinct()
    return sorted(connection.scalars(query))


def leaf(row: Issued) -> x509.Certificate:
    """The certificate itself."""
    return x509.load_pem_x509_certificates(row.chain.encode())[0]


def _one(connection: Connection, condition: sa.ColumnElement[bool]) -> Issued | None:
    row = connection.execute(sa.select(_CERTIFICATES).where(condition)).first()
    return None if row is None else Issued(*row)
