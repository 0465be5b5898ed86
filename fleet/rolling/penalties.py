"""The penalty box: a device that failed three times within a day, or started ten times within an hour, is told nothing
for the next day.

Whoever fails or dies again and again says something about itself and nothing about the release; left in, it would halt
each rollout it is in. NervesHub's penalty box is the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from contract.moments import rfc3339
from fleet import tables
from fleet.device_rows import RESTLESS
from fleet.refusals import NotFoundError
from fleet.rolling.answers import Penalty
from fleet.target_states import FAILED

FAILURES = 3
WITHIN_S = LENGTH_S = 24 * 3600.0
STARTS_WITHIN_S = 3600.0
"""Of the last `RESTLESS`; a device that wakes a few times an hour to look is none of these."""
_TABLE, _DEVICES = tables.PENALTIES, tables.DEVICES


def punish(connection: Connection, now_s: float) -> int:
    """Put whoever has failed or started too often into the box; returns how many came in.

    A release from the box, or its end, forgets what was before.
    """
    causes = {
        **dict.fromkeys(_restless(connection, now_s), f"it started {RESTLESS} times within an hour"),
        **{row.device: f"it failed {row.failures} updates within 24 hours" for row in _failing(connection, now_s)},
    }
    for device, cause in causes.items():
        detail = f"{cause} and is told nothing until {rfc3339(now_s + LENGTH_S)}"
        values = {"device": device, "since_s": now_s, "until_s": now_s + LENGTH_S, "detail": detail}
        connection.execute(_TABLE.delete().where(_TABLE.c.device == device))
        connection.execute(_TABLE.insert().values(values))
    return len(causes)


_SINCE = sa.func.coalesce(_TABLE.c.until_s, 0.0)
"""The end of a device's last time in the box."""


def _failing(connection: Connection, now_s: float) -> Sequence[Row[Any]]:
    """Devices that are not in the box, and how many updates of theirs failed lately."""
    target = tables.ASSIGNMENTS.c
    late = (target.updated_s > now_s - WITHIN_S) & (target.updated_s > _SINCE) & (now_s >= _SINCE)
    failures = (
        sa.select(target.device, sa.func.count().label("failures"))
        .join_from(tables.ASSIGNMENTS, _TABLE, target.device == _TABLE.c.device, isouter=True)
        .where(target.state.in_(FAILED) & late)
        .group_by(target.device)
        .having(sa.func.count() >= FAILURES)
    )
    return connection.execute(failures).all()


def _restless(connection: Connection, now_s: float) -> Sequence[str]:
    """Devices that are not in the box and start again and again."""
    first = _DEVICES.c.restless_s
    restless = (
        sa.select(_DEVICES.c.device)
        .join_from(_DEVICES, _TABLE, _DEVICES.c.device == _TABLE.c.device, isouter=True)
        .where((first > now_s - STARTS_WITHIN_S) & (first > _SINCE) & (now_s >= _SINCE))
    )
    return connection.scalars(restless).all()


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
