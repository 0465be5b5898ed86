"""The fleet in numbers that name no device: read from the store at each scrape, so that they survive every restart.

Profiles and models are what devices say they are, so only the most frequent have a label of their own. What is told of
latency and temperature are distributions over devices at this moment: how many devices had, in their newest reading,
at most so much.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Connection

from fleet import tables
from fleet.alerts import tallies
from fleet.alerts.levels import Stages

LATENCY_S = (0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5)
TEMPERATURE_C = (40.0, 50.0, 60.0, 65.0, 70.0, 75.0, 80.0, 85.0, 90.0, 100.0)
_MOST_LABELS = 50
OTHER = "other"
_UNFINISHED = ("unapproved", "scheduled", "running", "paused")


class _Birth(Struct, frozen=True, gc=False):
    profile: str = ""


class _Newest(Struct, frozen=True, gc=False):
    latency_ms: Stages = Stages()
    temperature_c: float | None = None
    throttled: bool | None = None
    under_voltage: bool | None = None


_BIRTH, _NEWEST = msgspec.json.Decoder(_Birth), msgspec.json.Decoder(_Newest)


@dataclass(slots=True)
class Distribution:
    """How many values lie up to each bound."""

    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def add(self, value: float) -> None:
        """One more."""
        if not self.counts:
            self.counts = [0] * (len(self.bounds) + 1)
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def buckets(self) -> Iterator[tuple[str, float]]:
        """Each bound with all below it, `+Inf` last."""
        below = 0
        for bound, count in zip([*map(str, self.bounds), "+Inf"], self.counts, strict=True):
            below += count
            yield bound, below


@dataclass(frozen=True, slots=True)
class RolloutProgress:
    """Devices of one unfinished rollout by state."""

    rollout: int
    release: str
    devices: dict[str, int]


@dataclass(frozen=True, slots=True)
class Aggregates:
    """One moment."""

    devices: Counter[tuple[str, str, str]]
    """By presence, profile and model."""
    latency_s: dict[tuple[str, str], Distribution]
    """p95 of the whole frame, of devices that are online, by profile and model."""
    temperature_c: dict[str, Distribution]
    """By profile."""
    held_back: Counter[str]
    """Online devices by what the firmware says: throttled, under_voltage."""
    lamps: dict[str, int]
    """Devices with a drift lamp lit, by lamp."""
    frames: dict[tuple[str, str], int]
    """By outcome and cause, ever."""
    rollouts: dict[str, int]
    """By state."""
    progress: tuple[RolloutProgress, ...]
    alerts: dict[tuple[str, str], int]
    """Open ones by kind and severity."""
    notifications: int
    """Not sent yet."""


def read(connection: Connection) -> Aggregates:
    """Everything at this moment."""
    rows = _rows(connection)
    profile_names = _frequent(profile for _, profile, _, _ in rows)
    model_names = _frequent(model for _, _, model, _ in rows)
    devices: Counter[tuple[str, str, str]] = Counter()
    latency_s: dict[tuple[str, str], Distribution] = {}
    temperature_c: dict[str, Distribution] = {}
    held_back: Counter[str] = Counter(throttled=0, under_voltage=0)
    for online, said_profile, said_model, newest in rows:
        profile, model = profile_names.get(said_profile, OTHER), model_names.get(said_model, OTHER)
        devices["online" if online else "offline", profile, model] += 1
        if newest is None or not online:
            continue
        if newest.latency_ms.total is not None:
            distribution = latency_s.setdefault((profile, model), Distribution(LATENCY_S))
            distribution.add(newest.latency_ms.total.p95 / 1e3)
        if newest.temperature_c is not None:
            temperature_c.setdefault(profile, Distribution(TEMPERATURE_C)).add(newest.temperature_c)
        held_back["throttled"] += bool(newest.throttled)
        held_back["under_voltage"] += bool(newest.under_voltage)
    return Aggregates(
        devices=devices,
        latency_s=latency_s,
        temperature_c=temperature_c,
        held_back=held_back,
        lamps=_lamps(connection),
        frames=tallies.totals(connection),
        rollouts=_rollouts(connection),
        progress=_progress(connection),
        alerts=_alerts(connection),
        notifications=_waiting(connection),
    )


def _rows(connection: Connection) -> list[tuple[bool, str, str, _Newest | None]]:
    """Presence, profile, model and newest reading of every device."""
    table = tables.DEVICES.c
    return [
        (
            online,
            _BIRTH.decode(birth).profile if birth else "",
            model,
            _NEWEST.decode(latest) if online and latest else None,
        )
        for online, birth, model, latest in connection.execute(
            sa.select(table.online, table.birth, table.model, table.latest)
        ).all()
    ]


def _frequent(names: Iterable[str]) -> dict[str, str]:
    """The label of each name that has one of its own."""
    return {name: name or "unknown" for name, _ in Counter(names).most_common(_MOST_LABELS)}


def _lamps(connection: Connection) -> dict[str, int]:
    table = tables.DEVICE_TALLIES.c
    counted = [sa.func.count().filter(lamp) for lamp in (table.input_changed, table.model_suffering)]
    row = connection.execute(sa.select(*counted).select_from(tables.DEVICE_TALLIES)).one()
    return {"input_changed": row[0], "model_suffering": row[1]}


def _rollouts(connection: Connection) -> dict[str, int]:
    state = tables.ROLLOUTS.c.state
    found = connection.execute(sa.select(state, sa.func.count()).group_by(state))
    return dict.fromkeys((*_UNFINISHED, "halted", "done"), 0) | {row[0]: row[1] for row in found}


def _progress(connection: Connection) -> tuple[RolloutProgress, ...]:
    rollout, target = tables.ROLLOUTS.c, tables.ASSIGNMENTS.c
    query = (
        sa.select(rollout.id, rollout.name, rollout.version, target.state, sa.func.count().label("devices"))
        .join_from(tables.ROLLOUTS, tables.ASSIGNMENTS)
        .where(rollout.state.in_(_UNFINISHED))
        .group_by(rollout.id, rollout.name, rollout.version, target.state)
        .order_by(rollout.id)
    )
    found: dict[tuple[int, str], dict[str, int]] = {}
    for row in connection.execute(query):
        found.setdefault((row.id, f"{row.name}@{row.version}"), {})[row.state] = row.devices
    return tuple(RolloutProgress(number, release, devices) for (number, release), devices in found.items())


def _alerts(connection: Connection) -> dict[tuple[str, str], int]:
    table = tables.ALERTS.c
    query = sa.select(table.kind, table.severity, sa.func.count()).where(table.ended_s.is_(None))
    found = connection.execute(query.group_by(table.kind, table.severity))
    return {(kind, severity): count for kind, severity, count in found}


def _waiting(connection: Connection) -> int:
    query = sa.select(sa.func.count()).select_from(tables.NOTIFICATIONS)
    return int(connection.scalar(query.where(tables.NOTIFICATIONS.c.next_s.is_not(None))) or 0)
