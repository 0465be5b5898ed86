"""The penalty box: a device that failed three times within a day is told nothing for the next.

Whoever fails again and again says something about itself and nothing about the release; left in, it would halt each
rollout it is in. NervesHub's penalty box is the model. Failures of one moment are one: a store moved to another clock.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from contract.moments import rfc3339
from fleet import tables
from fleet.refusals import NotFoundError
from fleet.rolling.answers import Penalty
from fleet.target_states import FAILED

FAILURES = 3
WITHIN_S = LENGTH_S = 24 * 3600.0
_TABLE = tables.PENALTIES


def punish(connection: Connection, now_s: float) -> int:
    """Put whoever has failed too often into the box; returns how many came in.

    A release from the box, or its end, forgets the failures before.
    """
    target = tables.ASSIGNMENTS.c
    since = sa.func.coalesce(_TABLE.c.until_s, 0.0)
    failures = (
        sa.select(target.device, sa.func.count().label("failures"))
        .join_from(tables.ASSIGNMENTS, _TABLE, target.device == _TABLE.c.device, isouter=True)
        .where(target.state.in_(FAILED) & (target.updated_s > now_s - WITHIN_S) & (target.updated_s > since))
        .where(since <= now_s)
        .group_by(target.device)
        .having(sa.func.count() >= FAILURES)
    )
    found = connection.execute(failures).all()
    for device, count in found:
        detail = f"it failed {count} updates within 24 hours and is told nothing until {rfc3339(now_s + LENGTH_S)}"
        values = {"device": device, "since_s": now_s, "until_s": now_s + LENGTH_S, "detail": detail}
        connection.execute(_TABLE.delete().where(_TABLE.c.device == device))
        connection.execute(_TABLE.insert().values(values))
    return len(found)


def active(connection: Connection, now_s: float) -> dict[str, str]:
    """Who is in the box, and why."""
    found = sa.select(_TABLE.c.device, _TABLE.c.detail).where(_TABLE.c.until_s > now_s)
    return {row.device: row.detail for row in connection.execute(found)}


def release(connection: Connection, device: str, now_s: float) -> None:
    """Let one out; NotFoundError where it is not in."""
    here = (_TABLE.c.device == device) & (_TABLE.c.until_s > now_s)
    if not connection.execute(_TABLE.update().where(here).values(until_s=now_s)).rowcount:
        raise NotFoundError(
            f"{device} is not in the penalty box", where="penalties", fix="List them: edgeferry fleet rollout penalties"
        )


def list_penalties(connection: Connection, now_s: float) -> tuple[Penalty, ...]:
    """Everybody in it by name."""
    rows = connection.execute(sa.select(_TABLE).where(_TABLE.c.until_s > now_s).order_by(_TABLE.c.device))
    return tuple(
        Penalty(device=r.device, since=rfc3339(r.since_s), until=rfc3339(r.until_s), detail=r.detail) for r in rows
    )
