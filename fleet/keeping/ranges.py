"""Roll-ups read back: a device's or the fleet's last minutes as points of a chart, and percentiles over many devices.

Up to an hour of one device is drawn from its readings, up to a day from minutes, anything longer from hours.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from contract.messages import Telemetry
from contract.moments import rfc3339
from fleet import tables
from fleet.answers import Latency
from fleet.device_rows import check_known
from fleet.keeping.answers import Point, Series, Share, Shares
from fleet.keeping.histogram import SHARES, Histogram, Union
from fleet.keeping.rollups import EVERYBODY, Placed, place
from fleet.keeping.summary import Summary, latency_of, without_others
from fleet.keeping.windows import summaries

POINTS = 600
_READINGS_MINUTES, _MINUTES_MINUTES = 60, 25 * 60
_DAY_S = 86400
By = Literal["fleet", "profile", "model", "both"]


class _Stretch:
    """What one point stands for, summed up while the rows come: a day of a fleet is thousands of them."""

    def __init__(self) -> None:
        self.whole, self.latency = Summary(), Union()

    def add(self, part: Summary, stage: str) -> None:
        self.whole.add_plain(part)
        if stage in part.latency:
            self.latency.add(part.latency[stage])


def series(
    connection: Connection,
    device: str | None,
    *,
    minutes: float,
    now_s: float,
    stage: str = "total",
    profile: str | None = None,
    model: str | None = None,
) -> Series:
    """The last `minutes` before `now_s`; NotFoundError for an unknown device."""
    if device is not None:
        check_known(connection, device)
    if device is not None and minutes <= _READINGS_MINUTES:
        span_s = max(1, math.ceil(60 * minutes / (POINTS - 1)))
        stretched: Iterable[tuple[float, Summary]] = _readings(connection, device, now_s - 60 * minutes)
    else:
        step_s, table = _table(minutes)
        span_s = max(1, math.ceil(60 * minutes / (POINTS - 1) / step_s)) * step_s
        stretched = _rows(connection, table, device or EVERYBODY, now_s - 60 * minutes - step_s, stage, profile, model)
    stretches: dict[int, _Stretch] = defaultdict(_Stretch)
    for start_s, summary in stretched:
        if start_s <= now_s:
            stretches[int(start_s // span_s) * span_s].add(summary, stage)
    points = (_point(at_s, span_s, part, now_s, device is None) for at_s, part in sorted(stretches.items()))
    return Series(device=device, minutes=minutes, stage=stage, seconds=span_s, points=tuple(points)[-POINTS:])


def percentiles(
    connection: Connection, *, minutes: float, now_s: float, stage: str = "total", by: By = "both"
) -> Shares:
    """Latency of the last `minutes` before `now_s` over all devices, apart `by` profile, model, both or neither."""
    step_s, table = _table(minutes)
    columns = table.c
    query = sa.select(columns.profile, columns.model, columns.body).where(
        columns.device == EVERYBODY, columns.start_s >= now_s - 60 * minutes - step_s, columns.start_s <= now_s
    )
    parts: dict[tuple[str | None, str | None], Union] = defaultdict(Union)
    for profile, model, body in connection.execute(query):
        key = (profile if by in ("profile", "both") else None, model if by in ("model", "both") else None)
        if (histogram := latency_of(body, stage)) is not None:
            parts[key].add(histogram)
    found = [
        Share(profile=profile, model=model, frames=round(whole.frames), latency_ms=latency)
        for (profile, model), union in sorted(parts.items(), key=str)
        if (latency := _latency(whole := union.whole())) is not None
    ]
    return Shares(minutes=minutes, stage=stage, shares=tuple(found))


def _table(minutes: float) -> tuple[int, sa.Table]:
    short = minutes <= _MINUTES_MINUTES
    return (60, tables.ROLLUP_MINUTES) if short else (3600, tables.ROLLUP_HOURS)


def _rows(
    connection: Connection,
    table: sa.Table,
    device: str,
    since_s: float,
    stage: str,
    profile: str | None,
    model: str | None,
) -> Iterator[tuple[float, Summary]]:
    columns = table.c
    query = sa.select(columns.start_s, columns.body).where(columns.device == device, columns.start_s > since_s)
    if profile is not None:
        query = query.where(columns.profile == profile)
    if model is not None:
        query = query.where(columns.model == model)
    for start_s, body in connection.execute(query):
        yield start_s, without_others(body, stage)


def _readings(connection: Connection, device: str, since_s: float) -> list[tuple[float, Summary]]:
    """Each reading as a summary of its own. PostgreSQL looks only at partitions from a day before."""
    table, decoder = tables.TELEMETRY.c, msgspec.json.Decoder(Telemetry)
    recent = (table.device == device) & (table.at_s >= since_s) & (table.received_s >= since_s - _DAY_S)
    query = sa.select(table.boot, table.at_s, table.received_s, table.body).where(recent).order_by(table.sequence)
    boots: dict[str, list[Placed]] = defaultdict(list)
    for boot, at_s, received_s, body in connection.execute(query):
        boots[boot].append(place(decoder.decode(body), at_s, received_s))
    found: list[tuple[float, Summary]] = []
    for boot, placed in boots.items():
        before = _before(connection, device, boot, placed)
        windows = summaries([one.reading for one in placed], before)
        found += ((one.when_s, summary) for one, (_, summary) in zip(placed, windows, strict=True))
    return found


def _before(connection: Connection, device: str, boot: str, placed: Sequence[Placed]) -> list[Telemetry]:
    """The reading before the first of them, if there is one."""
    table = tables.TELEMETRY.c
    here = (table.device == device) & (table.boot == boot) & (table.sequence < placed[0].reading.sequence)
    body = connection.scalar(sa.select(table.body).where(here).order_by(table.sequence.desc()).limit(1))
    return [] if body is None else [msgspec.json.decode(body, type=Telemetry)]


def _latency(histogram: Histogram) -> Latency | None:
    found = [histogram.percentile(share) for share in SHARES]
    if found[0] is None or found[1] is None or found[2] is None:
        return None
    p50, p95, p99 = (round(value, 3) for value in found if value is not None)
    return Latency(p50=p50, p95=p95, p99=p99)


def _point(at_s: int, span_s: float, stretch: _Stretch, now_s: float, together: bool) -> Point:
    whole = stretch.whole
    reported_s = whole.window_ms / 1000
    reporting = reported_s / max(1.0, min(span_s, now_s - at_s))
    rate = whole.frames / reported_s if reported_s else 0.0
    return Point(
        at=rfc3339(at_s),
        seconds=span_s,
        readings=whole.readings,
        reporting=round(reporting, 3),
        frames_per_s=round(rate * reporting if together else rate, 3),
        latency_ms=_latency(stretch.latency.whole()),
        **{name: getattr(whole, name) for name in ("captured", "inferred", "gated", "damaged")},
        dropped=whole.dropped,
        temperature_c=round(whole.warmth_m / whole.warmths / 1000, 3) if whole.warmths else None,
        temperature_min_c=None if whole.coldest_m is None else whole.coldest_m / 1000,
        temperature_max_c=None if whole.warmest_m is None else whole.warmest_m / 1000,
        confidence=round(whole.confidence_u / whole.confident / 1e6, 6) if whole.confident else None,
        **{name: getattr(whole, name) for name in ("drift_windows", "input_changed", "model_suffering")},
        classes=whole.classes,
        restarts={cause: count for cause, count in whole.restarts.items() if count},
    )
