"""Which server process watches: of several on one store exactly one, by a row that somebody holds for a while.

Whoever writes what it has judged checks the lease within the same transaction. So a process that was asleep while
another took over cannot write a second alert, whatever the clocks say; at worst its judgement is thrown away.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from fleet import tables

LEASE_S = 30.0
_NAME = "watchman"


def remaining_s(connection: Connection, holder: str, now_s: float) -> float | None:
    """How long `holder` still has it; None where it may not even ask, because another has it."""
    row = connection.execute(sa.select(tables.WATCH_LEASE).where(tables.WATCH_LEASE.c.name == _NAME)).first()
    if row is None or row.until_s <= now_s:
        return 0.0
    # A clock set back must not leave a lease for years.
    return float(min(row.until_s - now_s, LEASE_S)) if row.holder == holder else None


def take(connection: Connection, holder: str, now_s: float) -> bool:
    """Take or prolong it, in the caller's writing transaction; False where another has it."""
    table = tables.WATCH_LEASE
    mine = {"holder": holder, "until_s": now_s + LEASE_S}
    free = (table.c.holder == holder) | (table.c.until_s <= now_s) | (table.c.until_s > now_s + 2 * LEASE_S)
    if connection.execute(table.update().where((table.c.name == _NAME) & free).values(mine)).rowcount:
        return True
    if connection.scalar(sa.select(table.c.name).where(table.c.name == _NAME)) is not None:
        return False
    try:
        with connection.begin_nested():
            connection.execute(table.insert().values(name=_NAME, **mine))
    except IntegrityError:
        return False
    return True


def give_up(connection: Connection, holder: str) -> None:
    """Let another begin at once."""
    connection.execute(tables.WATCH_LEASE.delete().where(tables.WATCH_LEASE.c.holder == holder))
