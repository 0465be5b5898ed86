"""Rows of `assignments` as answers: the devices of a rollout, and what a device was last told."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from contract.moments import rfc3339
from fleet import tables
from fleet.answers import Target

_JOINED = sa.select(tables.ASSIGNMENTS, tables.ROLLOUTS.c.name, tables.ROLLOUTS.c.version).join(tables.ROLLOUTS)


def targets_of(
    connection: Connection, rollout: int, *, offset: int = 0, limit: int | None = None, state: str | None = None
) -> tuple[Target, ...]:
    """The devices of one rollout by wave, then by name; those that are not to be told come last. A page of them."""
    table = tables.ASSIGNMENTS.c
    order = table.wave.is_(None), table.wave, table.device
    query = _JOINED.where(table.rollout == rollout).order_by(*order).offset(offset).limit(limit)
    return tuple(map(_answer, connection.execute(query if state is None else query.where(table.state == state))))


def newest_target(connection: Connection, device: str) -> Target | None:
    """What `device` was told last, if ever."""
    table = tables.ASSIGNMENTS.c
    told = (table.device == device) & table.counter.is_not(None)
    row = connection.execute(_JOINED.where(told).order_by(table.counter.desc()).limit(1)).first()
    return None if row is None else _answer(row)


def _answer(row: Row[Any]) -> Target:
    return Target(
        device=row.device,
        rollout=row.rollout,
        release=f"{row.name}@{row.version}",
        wave=row.wave,
        digest=row.digest,
        counter=row.counter,
        state=row.state,
        cause=row.cause,
        detail=row.detail,
        deadline=None if row.deadline_s is None else rfc3339(row.deadline_s),
        delta=row.delta,
        updated_at=rfc3339(row.updated_s),
    )
