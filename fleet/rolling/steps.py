"""Who did what with a rollout, when and why: written beside each change, read with the rollout."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from contract.moments import rfc3339
from fleet import tables
from fleet.rolling.answers import RolloutStep

SERVER = "server"
_SHOWN = 200
_TABLE = tables.ROLLOUT_STEPS


def note(connection: Connection, rollout: int, by: str, what: str, now_s: float, detail: str = "") -> None:
    """Write one step, in the transaction of what it speaks of."""
    values = {"rollout": rollout, "by": by, "what": what, "at_s": now_s, "detail": detail}
    connection.execute(_TABLE.insert().values(values))


def steps_of(connection: Connection, rollout: int) -> tuple[RolloutStep, ...]:
    """Oldest first, at most the newest 200."""
    newest = sa.select(_TABLE).where(_TABLE.c.rollout == rollout).order_by(_TABLE.c.id.desc()).limit(_SHOWN)
    rows = connection.execute(newest).all()
    return tuple(
        RolloutStep(at=rfc3339(row.at_s), by=row.by, what=row.what, detail=row.detail) for row in reversed(rows)
    )
