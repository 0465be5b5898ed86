"""Rows of people, tokens and the audit as the answers that the API, the commands and the page show."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Connection, Row

from contract.moments import rfc3339
from fleet.people import answers, audit, tokens, users


def everybody(connection: Connection) -> answers.Users:
    """All users."""
    return answers.Users(users=tuple(user(row) for row in users.everybody(connection)))


def user(row: Row[Any]) -> answers.User:
    """One user."""
    return answers.User(
        name=row.name,
        role=row.role,
        disabled=row.disabled,
        must_change=row.must_change,
        created_at=rfc3339(row.created_s),
        seen_at=_moment(row.seen_s),
    )


def all_tokens(connection: Connection) -> answers.Tokens:
    """All tokens."""
    return answers.Tokens(tokens=tuple(token(row) for row in tokens.everything(connection)))


def token(row: Row[Any]) -> answers.Token:
    """One token."""
    return answers.Token(
        id=row.id,
        name=row.name,
        scope=tokens.SCOPE_OF[row.role],
        owner=row.owner,
        created_at=rfc3339(row.created_s),
        expires_at=_moment(row.expires_s),
        used_at=_moment(row.used_s),
        revoked_at=_moment(row.revoked_s),
    )


def audit_page(connection: Connection, *, before: int | None, limit: int) -> answers.Audit:
    """At most `limit` entries, newest first."""
    rows = audit.entries(connection, before=before, limit=limit)
    return answers.Audit(
        head=str(audit.head(connection)),
        entries=tuple(_entry(row) for row in rows),
        before=rows[-1].number if rows and rows[-1].number > 1 else None,
    )


def audit_state(connection: Connection, kept: audit.Head | None) -> answers.AuditState:
    """Whether the chain holds."""
    broken = audit.verify(connection, kept)
    head = str(audit.head(connection))
    if broken is None:
        return answers.AuditState(holds=True, head=head, broken=None, why="")
    return answers.AuditState(holds=False, head=head, broken=broken.number, why=broken.why)


def _entry(row: Row[Any]) -> answers.AuditEntry:
    same = ("number", "who", "address", "act", "about", "outcome", "detail", "hash")
    return answers.AuditEntry(at=rfc3339(row.at_s), **{name: row._mapping[name] for name in same})


def _moment(at_s: float | None) -> str | None:
    return None if at_s is None else rfc3339(at_s)
