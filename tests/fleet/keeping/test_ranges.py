"""Charts and percentiles out of roll-ups."""

from __future__ import annotations

import pytest
from msgspec import structs

from contract.codec import to_json
from contract.messages import Batch, Birth, FrameLedger, Percentiles
from contract.moments import rfc3339
from contract.topics import Topic
from fleet.arrivals import Arrival
from fleet.ingest import record
from fleet.keeping import series
from fleet.keeping.histogram import ERROR
from fleet.keeping.ranges import POINTS, percentiles
from fleet.refusals import NotFoundError
from fleet.store import Store
from tests.fleet.simulated import FLEET, reading

NOW_S = 1_770_000_000.0


def fill(store: Store, device: str, count: int, *, every_s: float, p50: float = 4.0, profile: str = "rpi4") -> None:
    """`count` readings up to NOW_S, each ten captured frames after the one before."""
    birth = Birth(
        at=rfc3339(0), boot="b1", profile=profile, edgeferry="1", python="3", backend="x", model="digits@1", digest=None
    )
    readings = []
    for n in range(1, count + 1):
        ledger = FrameLedger(captured=10 * n, inferred=9 * n, dropped={"stale": n})
        plain = reading(n, at_s=NOW_S - (count - n) * every_s)
        stages = {"total": Percentiles(p50=p50, p95=p50 * 1.5, p99=p50 * 2)}
        readings.append(structs.replace(plain, ledger=ledger, latency_ms=stages))
    with store.writing() as connection:
        record(connection, [Arrival(Topic(FLEET, device, "birth"), birth, b"", NOW_S)])
        for begin in range(0, count, 500):
            batch = Batch(boot="b1", oldest=1, telemetry=tuple(readings[begin : begin + 500]))
            record(connection, [Arrival(Topic(FLEET, device, "telemetry"), batch, to_json(batch), NOW_S)])


def test_a_moment_is_a_range_too(store: Store) -> None:
    fill(store, "cam-1", 3, every_s=10)
    with store.reading() as connection:
        assert series(connection, None, minutes=5e-324, now_s=NOW_S).seconds == 60


@pytest.mark.parametrize(("minutes", "seconds"), [(15, 2), (60, 7), (600, 120), (60 * 24, 180), (60 * 24 * 7, 3600)])
def test_every_length_tells_the_same_in_at_most_600_points(either_store: Store, minutes: int, seconds: int) -> None:
    fill(either_store, "cam-1", 80, every_s=10)
    with either_store.reading() as connection:
        found = series(connection, "cam-1", minutes=minutes, now_s=NOW_S)
    assert (found.device, found.seconds) == ("cam-1", seconds)
    assert sum(point.captured for point in found.points) == 800
    assert sum(point.dropped["stale"] for point in found.points) == 80
    assert sum(point.readings for point in found.points) == 80
    assert {point.frames_per_s for point in found.points} == {10.0}
    for point in found.points:
        assert point.latency_ms is not None
        assert point.latency_ms.p50 == pytest.approx(4.0, rel=ERROR + 1e-3)
        assert point.latency_ms.p95 == pytest.approx(6.0, rel=ERROR + 1e-3)
        assert point.latency_ms.p99 == pytest.approx(8.0, rel=ERROR + 1e-3)
        assert (point.temperature_c, point.confidence) == (51.5, 0.91)


def test_readings_cut_off_at_the_left_edge_do_not_show_all_that_was_counted_before(store: Store) -> None:
    fill(store, "cam-1", 80, every_s=10)
    with store.reading() as connection:
        found = series(connection, "cam-1", minutes=5, now_s=NOW_S)
    assert [point.captured for point in found.points] == [10] * len(found.points)


def test_a_long_range_is_thinned(store: Store) -> None:
    fill(store, "cam-1", 1000, every_s=60)
    with store.reading() as connection:
        found = series(connection, "cam-1", minutes=16 * 60, now_s=NOW_S)
    assert len(found.points) <= POINTS
    assert found.points[0].at < found.points[-1].at <= rfc3339(NOW_S)


def test_the_fleet_is_its_devices_together(either_store: Store) -> None:
    fill(either_store, "cam-1", 60, every_s=5)
    fill(either_store, "cam-2", 60, every_s=5, p50=40.0, profile="jetson")
    with either_store.reading() as connection:
        found = series(connection, None, minutes=30, now_s=NOW_S)
        alone = series(connection, None, minutes=30, now_s=NOW_S, profile="rpi4")
    assert [point.frames_per_s for point in alone.points][1] == pytest.approx(10.0)
    middle = found.points[1]
    assert middle.reporting == pytest.approx(2.0)
    assert middle.frames_per_s == pytest.approx(20.0)
    assert middle.latency_ms is not None
    assert middle.latency_ms.p95 == pytest.approx(60, rel=0.15)


def test_percentiles_are_told_apart_by_profile_and_model(either_store: Store) -> None:
    fill(either_store, "cam-1", 60, every_s=5)
    fill(either_store, "cam-2", 60, every_s=5, p50=40.0, profile="jetson")
    with either_store.reading() as connection:
        both = percentiles(connection, minutes=60, now_s=NOW_S).shares
        fleet = percentiles(connection, minutes=60 * 48, now_s=NOW_S, by="fleet").shares
    assert [(s.profile, s.model, s.frames) for s in both] == [("jetson", "digits@1", 3000), ("rpi4", "digits@1", 3000)]
    assert both[0].latency_ms.p50 == pytest.approx(40, rel=ERROR)
    assert [(s.profile, s.model, s.frames) for s in fleet] == [(None, None, 6000)]


def test_nobody_knows_such_a_device(store: Store) -> None:
    with store.reading() as connection, pytest.raises(NotFoundError, match="no device 'x'"):
        series(connection, "x", minutes=5, now_s=NOW_S)


def test_a_fleet_that_said_nothing_has_no_points(either_store: Store) -> None:
    with either_store.reading() as connection:
        assert series(connection, None, minutes=5, now_s=NOW_S).points == ()
        assert percentiles(connection, minutes=5, now_s=NOW_S).shares == ()
