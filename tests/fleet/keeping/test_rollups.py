"""Readings summed up at ingest: in any order, once each, on both databases."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence

import pytest
import sqlalchemy as sa
from msgspec import structs
from sqlalchemy.exc import IntegrityError

from contract.codec import to_json
from contract.messages import Batch, Birth, FrameLedger, Telemetry
from contract.moments import rfc3339
from contract.topics import Topic
from fleet import tables
from fleet.arrivals import Arrival
from fleet.ingest import record
from fleet.keeping.backlog import roll_up_next
from fleet.keeping.summary import Summary, from_body
from fleet.store import Store
from tests.fleet.simulated import DIGEST, FLEET, reading

NOW_S = 1_770_000_000.0


def said(sequence: int, *, captured: int, at_s: float | None = None, digest: str = DIGEST) -> Telemetry:
    """Reading `sequence`, ten seconds after the one before; half of the frames are inferred."""
    ledger = FrameLedger(captured=captured, inferred=captured // 2, dropped={"stale": captured - captured // 2})
    plain = reading(sequence, at_s=NOW_S + 10 * sequence if at_s is None else at_s)
    return structs.replace(plain, ledger=ledger, restarts={"killed": captured // 100}, digest=digest)


def keep(store: Store, *readings: Telemetry, boot: str = "b1", device: str = "cam-1", oldest: int = 1) -> None:
    batch = Batch(boot=boot, oldest=oldest, telemetry=readings)
    with store.writing() as connection:
        record(connection, [Arrival(Topic(FLEET, device, "telemetry"), batch, to_json(batch), NOW_S + 600)])


def rows(store: Store, table: sa.Table = tables.ROLLUP_MINUTES, device: str = "cam-1") -> dict[int, Summary]:
    """Roll-ups by start."""
    query = sa.select(table.c.start_s, table.c.body).where(table.c.device == device).order_by(table.c.start_s)
    with store.reading() as connection:
        found: dict[int, Summary] = {}
        for start_s, body in connection.execute(query):
            found.setdefault(start_s, Summary()).add(from_body(body))
        return found


READINGS = [said(n, captured=100 * n) for n in range(1, 13)]


def clear(store: Store) -> None:
    with store.writing() as connection:
        for table in reversed(tables.METADATA.sorted_tables):
            if table is not tables.FLEET:
                connection.execute(table.delete())


def test_what_a_minute_holds(either_store: Store) -> None:
    keep(either_store, *READINGS)
    minutes, hours = rows(either_store), rows(either_store, tables.ROLLUP_HOURS)
    assert [start - int(NOW_S) for start in minutes] == [0, 60, 120]
    first = minutes[int(NOW_S)]
    assert (first.readings, first.captured, first.inferred, first.dropped) == (5, 500, 250, {"stale": 250})
    assert (first.frames, first.window_ms, first.classes) == (250, 25_000, {"3": 200, "7": 45, "9": 5})
    assert (first.warmth_m, first.coldest_m, first.restarts) == (5 * 51_500, 51_500, {"killed": 5})
    assert first.latency["total"].frames == 250
    (hour,) = hours.values()
    assert (hour.readings, hour.captured, hour.frames) == (12, 1200, 600)
    assert rows(either_store, device="") == minutes


@pytest.mark.parametrize("order", [(2, 0, 1), (2, 1, 0), (1, 2, 0), (0, 2, 1)])
def test_late_readings_make_the_same_roll_ups(either_store: Store, order: Sequence[int]) -> None:
    keep(either_store, *READINGS)
    expected = rows(either_store), rows(either_store, tables.ROLLUP_HOURS), rows(either_store, device="")
    clear(either_store)
    parts = [READINGS[0:4], READINGS[4:8], READINGS[8:12]]
    for part in order:
        keep(either_store, *parts[part])
    found = rows(either_store), rows(either_store, tables.ROLLUP_HOURS), rows(either_store, device="")
    for one, other in itertools.chain(
        *(zip(a.items(), b.items(), strict=True) for a, b in zip(found, expected, strict=True))
    ):
        assert one == other


def test_what_is_delivered_twice_counts_once(either_store: Store) -> None:
    keep(either_store, *READINGS)
    before = rows(either_store)
    keep(either_store, *READINGS)
    keep(either_store, *READINGS[3:])
    assert rows(either_store) == before


def test_a_model_loaded_anew_begins_to_count_anew(store: Store) -> None:
    keep(store, said(1, captured=1000), said(2, captured=30), said(3, captured=70, digest="sha256:" + "2" * 64))
    assert rows(store)[int(NOW_S)].captured == 1000 + 30 + 70


def test_a_device_without_a_clock_counts_for_the_time_of_arrival(store: Store) -> None:
    keep(store, said(1, captured=10, at_s=5.0))
    assert list(rows(store)) == [int(NOW_S) + 600]


def test_readings_from_before_there_were_roll_ups_are_rolled_up_later(either_store: Store) -> None:
    keep(either_store, *READINGS)
    expected = rows(either_store)
    with either_store.writing() as connection:
        connection.execute(tables.ROLLUP_MINUTES.delete())
        connection.execute(tables.PROGRESS.update().values(counters=None))
        assert roll_up_next(connection)
        assert not roll_up_next(connection)
    assert rows(either_store) == expected


def test_such_a_boot_is_rolled_up_before_its_next_reading_is(either_store: Store) -> None:
    keep(either_store, *READINGS)
    expected = rows(either_store)
    clear(either_store)
    keep(either_store, *READINGS[:6])
    with either_store.writing() as connection:
        connection.execute(tables.ROLLUP_MINUTES.delete())
        connection.execute(tables.PROGRESS.update().values(counters=None))
    keep(either_store, *READINGS[6:])
    assert rows(either_store) == expected


def test_a_profile_has_roll_ups_of_its_own(store: Store) -> None:
    birth = Birth(
        at=rfc3339(NOW_S), boot="b1", profile="rpi4", edgeferry="1", python="3", backend="x", model="m@1", digest=None
    )
    with store.writing() as connection:
        record(connection, [Arrival(Topic(FLEET, "cam-1", "birth"), birth, b"", NOW_S)])
    keep(store, *READINGS)
    keep(store, *READINGS, device="cam-2")
    with store.reading() as connection:
        table = tables.ROLLUP_HOURS.c
        query = sa.select(table.profile, table.model).where(table.device == "").order_by(table.profile)
        assert [tuple(row) for row in connection.execute(query)] == [("", "digits@1"), ("rpi4", "digits@1")]
    assert [s.captured for s in rows(store, tables.ROLLUP_HOURS, device="").values()] == [2400]


def test_of_two_collectors_that_meet_a_new_boot_one_fails_and_nothing_is_stored_twice(postgres_url: str) -> None:
    from alembic import command

    from fleet.store import migrations, open_store

    store, problems = open_store(postgres_url, fleet=FLEET), []

    def late() -> None:
        try:
            keep(store, *READINGS)
        except IntegrityError as problem:
            problems.append(problem)

    batch = Batch(boot="b1", oldest=1, telemetry=tuple(READINGS))
    second = threading.Thread(target=late)
    with store.writing() as connection:
        record(connection, [Arrival(Topic(FLEET, "cam-1", "telemetry"), batch, to_json(batch), NOW_S)])
        second.start()
        second.join(1.0)
    second.join(10)
    assert len(problems) == 1
    keep(store, *READINGS)
    with store.writing() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(tables.TELEMETRY)) == 12
        assert rows(store)[int(NOW_S)].readings == 5
        command.downgrade(migrations(connection), "base")
    store.close()
