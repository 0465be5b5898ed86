"""What the store says about devices."""

from __future__ import annotations

import pytest

from contract.codec import to_json
from contract.messages import Batch
from contract.topics import Topic
from fleet.arrivals import Arrival
from fleet.ingest import record
from fleet.readings import POINTS, device_detail, overview, statistics, telemetry
from fleet.refusals import NotFoundError
from fleet.store import Store
from tests.fleet.simulated import FLEET, reading

NOW_S = 1_000_000.0


def remember(store: Store, device: str, count: int, *, oldest: int = 1) -> None:
    """`count` readings a second apart, the last one at NOW_S."""
    numbers = range(oldest, oldest + count)
    readings = tuple(reading(n, at_s=NOW_S - (oldest + count - 1 - n)) for n in numbers)
    batch = Batch(boot="b1", oldest=oldest, telemetry=readings)
    with store.writing() as connection:
        record(connection, [Arrival(Topic(FLEET, device, "telemetry"), batch, to_json(batch), NOW_S)])


def test_readings_of_the_last_minutes_come_oldest_first(either_store: Store) -> None:
    remember(either_store, "cam-1", 100)
    with either_store.reading() as connection:
        found = telemetry(connection, "cam-1", minutes=0.5, now_s=NOW_S)
    assert [r.sequence for r in found.readings] == list(range(70, 101))
    assert found.thinned == 1


def test_more_readings_than_a_chart_has_pixels_are_thinned_and_the_newest_stays(store: Store) -> None:
    remember(store, "cam-1", 4000)
    with store.reading() as connection:
        found = telemetry(connection, "cam-1", minutes=600, now_s=NOW_S)
    assert found.thinned == 3
    assert len(found.readings) <= POINTS
    assert found.readings[-1].sequence == 4000
    assert found.readings[-1].sequence - found.readings[-2].sequence == 3


def test_totals_add_up_over_devices_and_losses(either_store: Store) -> None:
    remember(either_store, "cam-1", 10)
    remember(either_store, "cam-2", 5, oldest=4)
    with either_store.reading() as connection:
        stats, devices = statistics(connection), overview(connection)
    assert (stats.devices, stats.online, stats.stored, stats.gaps, stats.lost) == (2, 0, 15, 1, 3)
    assert [(d.id, d.stored.telemetry, d.lost) for d in devices] == [("cam-1", 10, 0), ("cam-2", 5, 3)]


def test_an_empty_store_is_all_zeros(either_store: Store) -> None:
    with either_store.reading() as connection:
        stats = statistics(connection)
        assert overview(connection) == ()
    assert (stats.devices, stats.stored, stats.lost, stats.quarantined) == (0, 0, 0, 0)


def test_a_device_nobody_knows_is_not_found(store: Store) -> None:
    with store.reading() as connection, pytest.raises(NotFoundError, match="no device 'x'"):
        device_detail(connection, "x")
