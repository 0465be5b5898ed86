"""Roll-ups kept in the transaction that stores the readings, so that both hold or neither does.

`RollUps` is told each fresh reading once (`fleet/ingest.py` knows which are fresh), sums up what falls into the same
minute, and adds that to the rows of the device and of its profile and model, by minute and by hour.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from contract.messages import Telemetry
from fleet import tables
from fleet.keeping import bulk
from fleet.keeping.histogram import Histogram, spread
from fleet.keeping.summary import Summary, frames_of, from_body, known, to_body
from fleet.keeping.tallies import Counts, Tally, shares, tally

SPANS = ((60, tables.ROLLUP_MINUTES), (3600, tables.ROLLUP_HOURS))
EVERYBODY = ""
"""In place of a device's name: all of a profile and model."""
_OLDEST_S, _AHEAD_S = 400 * 86400, 86400
_NAME = 128
"""Characters of a model's or profile's name that are told apart."""
_SHARDS = 8
_LOCK = 0x65666C65
"""First half of the advisory lock's key, so that it is nobody else's."""

Key = tuple[str, int, str, str, int]
"""device, start_s, profile, model, shard."""


@dataclass(slots=True)
class Boot:
    """What `RollUps` needs to know of a boot, and keeps up to date."""

    device: str
    boot: str
    last: Tally | None
    """Of its reading with the highest number so far; None where none is rolled up yet."""
    fresh: list[Placed] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Placed:
    """A reading and the second its window counts for."""

    reading: Telemetry
    when_s: float


def place(reading: Telemetry, at_s: float, received_s: float) -> Placed:
    """By the device's clock, unless that is off by more than a day ahead or 400 days behind."""
    sane = received_s - _OLDEST_S <= at_s <= received_s + _AHEAD_S
    return Placed(reading, at_s if sane else received_s)


class RollUps:
    """The sums of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._minutes: dict[tuple[str, int, str], Summary] = defaultdict(Summary)
        self._windows: list[tuple[int, float, float, float, int]] = []
        self._targets: dict[tuple[tuple[str, int, str], str], int] = {}

    def take(self, boot: Boot) -> None:
        """Sum up the boot's fresh readings."""
        if not boot.fresh:
            return
        placed = {one.reading.sequence: one for one in boot.fresh}
        fresh = [tally(one.reading) for one in boot.fresh]
        stored: Sequence[Tally] = () if boot.last is None else (boot.last,)
        if boot.last is not None and min(one.sequence for one in fresh) < boot.last.sequence:
            neighbours = _neighbours(self._connection, boot, fresh)
            stored = [tally(one.reading) for one in neighbours]
            placed = {one.reading.sequence: one for one in neighbours} | placed
        for sequence, counts in shares(stored, fresh).items():
            self._count(boot.device, placed[sequence], counts)
        for one in boot.fresh:
            self._read(boot.device, one)
        boot.last = max(filter(None, (boot.last, *fresh)), key=lambda one: one.sequence)
        boot.fresh = []

    def _minute(self, device: str, placed: Placed) -> tuple[str, int, str]:
        return device, int(placed.when_s // 60) * 60, placed.reading.model[:_NAME]

    def _count(self, device: str, placed: Placed, counts: Counts) -> None:
        self._minutes[self._minute(device, placed)].count(counts)

    def _read(self, device: str, placed: Placed) -> None:
        minute = self._minute(device, placed)
        self._minutes[minute].read(placed.reading)
        frames = frames_of(placed.reading)
        if not frames:
            return
        for stage, said in placed.reading.latency_ms.items():
            target = self._targets.setdefault((minute, stage[:_NAME]), len(self._targets))
            self._windows.append((target, said.p50, said.p95, said.p99, frames))

    def save(self, profiles: Mapping[str, str]) -> None:
        """Add everything to the store; `profiles` says which one each device is of."""
        histograms = spread(self._windows)
        for (minute, stage), target in self._targets.items():
            summary = self._minutes[minute]
            summary.latency.setdefault(known(stage, summary.latency), Histogram()).add(histograms[target])
        if not self._minutes:
            return
        shard = self._own_shard()
        for span_s, table in SPANS:
            _add(self._connection, table, self._spans(span_s, profiles, shard))

    def _spans(self, span_s: int, profiles: Mapping[str, str], shard: int) -> dict[Key, Summary]:
        """The minutes by the rows they belong to."""
        spans: dict[Key, Summary] = defaultdict(Summary)
        for (device, minute_s, model), summary in self._minutes.items():
            start_s, profile = minute_s // span_s * span_s, profiles.get(device, "")[:_NAME]
            spans[device, start_s, profile, model, 0].add(summary)
            spans[EVERYBODY, start_s, profile, model, shard].add(summary)
        return spans

    def _own_shard(self) -> int:
        """Rows of EVERYBODY that this process alone writes until it commits.

        Rows of a device are guarded by the lock on its row of `devices`. Those of everybody are not, and a lock on
        them would have collectors wait for each other; so each process has rows of its own, as far as they go.
        """
        if self._connection.dialect.name != "postgresql":
            return 0
        shard = os.getpid() % _SHARDS
        self._connection.execute(sa.text("SELECT pg_advisory_xact_lock(:a, :b)"), {"a": _LOCK, "b": shard})
        return shard


def _add(connection: Connection, table: sa.Table, spans: Mapping[Key, Summary]) -> None:
    """Put the sums of stored rows and `spans` in the rows' place."""
    for row in bulk.find(connection, table, list(spans)):
        spans[row.device, row.start_s, row.profile, row.model, row.shard].add(from_body(row.body))
    names = [column.name for column in table.primary_key.columns]
    rows = [dict(zip(names, key, strict=True)) | {"body": to_body(summary)} for key, summary in spans.items()]
    bulk.upsert(connection, table, rows)


def _neighbours(connection: Connection, boot: Boot, fresh: Sequence[Tally]) -> list[Placed]:
    """Stored readings of the boot from the one before the first of `fresh` to the one after the last."""
    table = tables.TELEMETRY.c
    numbers = [one.sequence for one in fresh]
    here = (table.device == boot.device) & (table.boot == boot.boot)
    before = sa.select(sa.func.max(table.sequence)).where(here, table.sequence < min(numbers))
    after = sa.select(sa.func.min(table.sequence)).where(here, table.sequence > max(numbers))
    first, last = connection.scalar(before), connection.scalar(after)
    query = sa.select(table.at_s, table.received_s, table.body).where(here).order_by(table.sequence)
    query = query.where(table.sequence >= (min(numbers) if first is None else first))
    query = query.where(table.sequence <= (max(numbers) if last is None else last))
    decoder = msgspec.json.Decoder(Telemetry)
    return [place(decoder.decode(row.body), row.at_s, row.received_s) for row in connection.execute(query)]
