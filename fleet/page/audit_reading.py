"""What the page reads of other parts of the fleet, and cannot show as it comes."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.engine import Connection

from contract.moments import rfc3339
from fleet.people import audit


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what, and how it ended."""

    number: int
    at: str
    who: str
    act: str
    about: str
    outcome: str
    detail: str


@dataclass(frozen=True, slots=True)
class Audit:
    """Entries, newest first, and what checking the chain found: `broken` is empty where all is as it was written."""

    entries: tuple[AuditEntry, ...] = ()
    head: str = ""
    broken: str = ""


def read_audit(connection: Connection, *, before: int | None = None, limit: int = 50, check: bool = False) -> Audit:
    """A page of the audit; with `check` the whole chain is read and judged."""
    broken = audit.verify(connection) if check else None
    return Audit(
        entries=tuple(
            AuditEntry(row.number, rfc3339(row.at_s), row.who, row.act, row.about, row.outcome, row.detail)
            for row in audit.entries(connection, before=before, limit=limit)
        ),
        head=str(audit.head(connection)),
        broken=f"entry {broken.number}: {broken.why}" if broken else "",
    )
