"""Where rollouts meet the statistics, the people and the audit."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fleet import judging, tables
from fleet.judging import Verdict
from fleet.people import audit
from fleet.rolling.steps import SERVER


def verdict(connection: Connection, rollout: int, now_s: float) -> Verdict:
    """Whether devices that were told do measurably worse than those that were not."""
    return judging.verdict(connection, rollout, now_s)


def note_halt(connection: Connection, rollout: int, detail: str) -> None:
    """Into the audit: nobody asked for it."""
    audit.note(connection, by=SERVER, act="rollout halted", about=f"rollout {rollout}", detail=detail)


def has_users(connection: Connection) -> bool:
    """Whether people are told apart here: only then an approval by the creator means nothing."""
    return connection.scalar(sa.select(tables.USERS.c.name).limit(1)) is not None
