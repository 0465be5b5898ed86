"""What the charts of a device are drawn from: at most some hundred points, however long the time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from contract.messages import Telemetry
from contract.moments import unix_s
from fleet import tables
from fleet.keeping import series
from fleet.keeping.answers import Point as RolledPoint

MOST = 600
FINE_MINUTES = 60
"""Up to here readings themselves are shown; beyond, the roll-ups."""


@dataclass(frozen=True, slots=True)
class Point:
    """One window, or the last one of a stretch of time."""

    at_s: float
    span_s: float
    """How much time it stands for."""
    rate: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    drops: dict[str, float] | None = None
    """Frames dropped a second since the point before, by cause."""
    temperature: float | None = None
    confidence: float | None = None
    input_changed: bool | None = None
    model_suffering: bool | None = None
    """The lamps of drift; None where no window of pictures closed."""
    classes: dict[str, int] | None = None


def points(connection: Connection, device: str, *, minutes: float, now_s: float, after_s: float = 0.0) -> list[Point]:
    """The last `minutes` before `now_s`, oldest first; only those after `after_s`, where a chart has the others."""
    if minutes <= FINE_MINUTES:
        return _stored(connection, device, minutes=minutes, now_s=now_s, after_s=after_s)
    rolled = series(connection, device, minutes=minutes, now_s=now_s).points
    # The stretch under way still changes: it is drawn when it is over.
    return [point for point in map(_rolled, rolled) if after_s < point.at_s <= now_s]


def _stored(connection: Connection, device: str, *, minutes: float, now_s: float, after_s: float) -> list[Point]:
    """From the readings themselves: the last one of each stretch."""
    table, span_s = tables.TELEMETRY.c, 60 * minutes / MOST
    within = (table.device == device) & (table.at_s >= now_s - 60 * minutes) & (table.at_s <= now_s + 60)
    # Stretches lie still as time goes on, or every look would choose other readings.
    stretch = sa.cast(table.at_s / span_s, sa.BigInteger)
    last = sa.select(sa.func.max(table.at_s)).where(within & (table.at_s > after_s - 2 * span_s)).group_by(stretch)
    query = sa.select(table.at_s, table.boot, table.body).where((table.device == device) & table.at_s.in_(last))
    decoder = msgspec.json.Decoder(Telemetry)
    read = [(row.at_s, row.boot, decoder.decode(row.body)) for row in connection.execute(query.order_by(table.at_s))]
    made = [_point(at_s, reading, span_s, None) for at_s, _, reading in read[:1]]
    for (before_s, boot, before), (at_s, now_boot, reading) in pairwise(read):
        same = boot == now_boot and before.digest == reading.digest
        made.append(_point(at_s, reading, span_s, _drops(before, reading, at_s - before_s) if same else None))
    return [point for point in made if point.at_s > after_s]


def _drops(before: Telemetry, now: Telemetry, seconds: float) -> dict[str, float]:
    counts, seen = now.ledger.dropped, before.ledger.dropped
    return {
        cause: round(max(0, count - seen.get(cause, 0)) / max(seconds, 0.001), 4) for cause, count in counts.items()
    }


def _point(at_s: float, reading: Telemetry, span_s: float, drops: dict[str, float] | None) -> Point:
    total, lamps = reading.latency_ms.get("total"), reading.drift.values()
    return Point(
        at_s=at_s,
        span_s=max(span_s, reading.window_s),
        rate=reading.frames_per_s,
        p50=total.p50 if total else None,
        p95=total.p95 if total else None,
        p99=total.p99 if total else None,
        drops=drops,
        temperature=reading.temperature_c,
        confidence=reading.mean_confidence,
        input_changed=any(lamp.input_changed for lamp in lamps) if lamps else None,
        model_suffering=any(lamp.model_suffering for lamp in lamps) if lamps else None,
        classes=dict(reading.classes),
    )


def _rolled(found: RolledPoint) -> Point:
    """A stretch of the roll-ups, at its end."""
    total, seconds, judged = found.latency_ms, found.seconds, found.drift_windows
    return Point(
        at_s=unix_s(found.at) + seconds,
        span_s=seconds,
        rate=found.frames_per_s,
        p50=total.p50 if total else None,
        p95=total.p95 if total else None,
        p99=total.p99 if total else None,
        drops={cause: round(count / seconds, 4) for cause, count in found.dropped.items()},
        temperature=found.temperature_c,
        confidence=found.confidence,
        input_changed=found.input_changed > 0 if judged else None,
        model_suffering=found.model_suffering > 0 if judged else None,
        classes=dict(found.classes),
    )


def labels_of(shown: Iterable[Point]) -> list[str]:
    """Every class among them."""
    return sorted({label for point in shown for label in point.classes or {}})


def causes_of(shown: Sequence[Point]) -> list[str]:
    """Every cause of a drop among them."""
    return sorted({cause for point in shown for cause in point.drops or {}})
