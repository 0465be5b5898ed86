"""What people are shown about certificates, and what they are warned of."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from contract.moments import rfc3339
from fleet import tables
from fleet.identity import authority, claims, folder, ledger
from fleet.identity.answers import Certificate, CertificateState, Identity, OpenClaim
from fleet.identity.registrar import Registrar

WARN_OWN_S = 30 * 86400.0
LATE = 5 / 6
"""Of a device's certificate's life: agents renew at two thirds, so something keeps this one from it."""
_MOST_NAMED = 5


def overview(registrar: Registrar, connection: Connection, *, now_s: float) -> Identity:
    """Everything."""
    own = tuple(_own(registrar, connection, now_s))
    devices = tuple(_devices(connection, now_s))
    open_claims = tuple(
        OpenClaim(
            device=claim.device,
            claim=claim.id,
            expires=rfc3339(claim.expires_s),
            made_by=claim.created_by,
            failed_tries=claim.tries,
        )
        for claim in claims.open_claims(connection, now_s=now_s)
    )
    return Identity(
        enabled=True,
        fingerprint=authority.fingerprint(folder.root_certificate(registrar.terms.ca)),
        own=own,
        devices=devices,
        claims=open_claims,
        warnings=tuple(_warnings(own, devices)),
    )


def _own(registrar: Registrar, connection: Connection, now_s: float) -> list[Certificate]:
    found = []
    for made in folder.certificates(registrar.terms.ca):
        expires_s = made.certificate.not_valid_after_utc.timestamp()
        serial = ledger.serial_text(made.certificate.serial_number)
        reason = _reason(connection, serial)
        found.append(
            Certificate(
                name=made.name,
                serial=serial,
                issued=rfc3339(made.certificate.not_valid_before_utc.timestamp()),
                expires=rfc3339(expires_s),
                state=_state(expires_s, expires_s - WARN_OWN_S, now_s, reason),
                reason=reason,
            )
        )
    return found


def _devices(connection: Connection, now_s: float) -> list[Certificate]:
    """The newest of each device."""
    table, revoked = tables.CERTIFICATES, tables.REVOCATIONS
    query = (
        sa.select(table, revoked.c.reason)
        .outerjoin(revoked, revoked.c.serial == table.c.serial)
        .order_by(table.c.device, table.c.issued_s, table.c.expires_s)
    )
    newest: dict[str, Certificate] = {}
    for row in connection.execute(query):
        late_s = row.issued_s + (row.expires_s - row.issued_s) * LATE
        newest[row.device] = Certificate(
            name=row.device,
            serial=row.serial,
            issued=rfc3339(row.issued_s),
            expires=rfc3339(row.expires_s),
            state=_state(row.expires_s, late_s, now_s, row.reason),
            reason=row.reason,
        )
    return list(newest.values())


def _reason(connection: Connection, serial: str) -> str | None:
    table = tables.REVOCATIONS
    return connection.scalar(sa.select(table.c.reason).where(table.c.serial == serial))


def _state(expires_s: float, warn_s: float, now_s: float, reason: str | None) -> CertificateState:
    if reason is not None:
        return "revoked"
    if now_s >= expires_s:
        return "expired"
    return "expiring" if now_s >= warn_s else "good"


def _warnings(own: tuple[Certificate, ...], devices: tuple[Certificate, ...]) -> list[str]:
    remedies = {"root": "make a new authority and enrol anew", "issuing": "edgeferry fleet ca renew"}
    found = [
        f"{one.name} ends {one.expires}: {remedies.get(one.name, _remedy(one.name))}"
        for one in own
        if one.state in ("expiring", "expired")
    ]
    for state, words in (("expiring", "did not renew in time, and end soon"), ("expired", "have ended")):
        names = [device.name for device in devices if device.state == state]
        if names:
            shown = ", ".join(names[:_MOST_NAMED]) + (" …" if len(names) > _MOST_NAMED else "")
            found.append(f"certificates of {len(names)} devices {words}: {shown}")
    return found


def _remedy(name: str) -> str:
    command = "server --name HOST" if name == folder.BROKER else f"service {name}"
    return f"edgeferry fleet ca {command}"
