"""How far a rollout is, counted in the store: its waves by state, and the devices an operator would look at first."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fleet import tables
from fleet.target_states import FAILED, UNDER_WAY

_T = tables.ASSIGNMENTS.c


@dataclass(frozen=True, slots=True)
class Wave:
    """One wave; `number` counts from 0 and is None for devices that are not to be told."""

    number: int | None
    counts: dict[str, int]
    """Devices by state."""
    told_s: float | None
    """When its first device was told."""


@dataclass(frozen=True, slots=True)
class Stand:
    """One device of a rollout."""

    device: str
    wave: int | None
    state: str
    cause: str
    detail: str
    since_s: float


def waves_of(connection: Connection, rollout: int) -> tuple[Wave, ...]:
    """In their order; those that are not to be told come last."""
    query = sa.select(_T.wave, _T.state, sa.func.count(), sa.func.min(_T.told_s)).where(_T.rollout == rollout)
    found: dict[int | None, Wave] = {}
    for number, state, count, told_s in connection.execute(query.group_by(_T.wave, _T.state)):
        before = found.get(number, Wave(number, {}, None))
        told = [moment for moment in (before.told_s, told_s) if moment is not None]
        found[number] = Wave(number, before.counts | {state: count}, min(told, default=None))
    return tuple(sorted(found.values(), key=lambda wave: (wave.number is None, wave.number or 0)))


def stands_of(connection: Connection, rollout: int, *, most: int) -> tuple[Stand, ...]:
    """Failures first, then who is under way, then the rest by wave and name; at most `most`."""
    rank = sa.case((_T.state.in_(FAILED), 0), (_T.state.in_(UNDER_WAY), 1), (_T.wave.is_(None), 3), else_=2)
    query = (
        sa.select(_T.device, _T.wave, _T.state, _T.cause, _T.detail, _T.updated_s)
        .where(_T.rollout == rollout)
        .order_by(rank, _T.wave, _T.device)
        .limit(most)
    )
    return tuple(Stand(row[0], row[1], row[2], row[3] or "", row[4], row[5]) for row in connection.execute(query))
