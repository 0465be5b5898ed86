"""What is over its time goes, a little at a time; everything else stays."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from contract.codec import to_json
from contract.errors import ConfigError
from contract.messages import Batch
from contract.topics import Topic
from fleet import tables
from fleet.arrivals import Arrival
from fleet.ingest import record
from fleet.keeping import keeper as keepers
from fleet.keeping import partitions
from fleet.keeping.keeper import Keeper
from fleet.keeping.retention import ROWS, steps
from fleet.keeping.terms import DAY_S, Terms, seconds, terms
from fleet.store import Store
from tests.fleet.simulated import FLEET, reading

NOW_S = 1_770_000_000.0
FOREVER = Terms(math.inf, math.inf, math.inf, math.inf)


def keep(store: Store, boot: str, *, arrived_s: float, at_s: float, count: int = 3) -> None:
    """`count` readings of a boot that say they are from `at_s` and came at `arrived_s`."""
    batch = Batch(boot=boot, oldest=1, telemetry=tuple(reading(n, at_s=at_s) for n in range(1, count + 1)))
    with store.writing() as connection:
        record(connection, [Arrival(Topic(FLEET, "cam-1", "telemetry"), batch, to_json(batch), arrived_s)])


def boots(store: Store) -> dict[str, int]:
    """Stored readings by boot."""
    table = tables.TELEMETRY.c
    with store.reading() as connection:
        query = sa.select(table.boot, sa.func.count()).group_by(table.boot)
        return {row[0]: row[1] for row in connection.execute(query)}


def starts(store: Store, table: sa.Table) -> set[int]:
    with store.reading() as connection:
        return set(connection.scalars(sa.select(table.c.start_s).where(table.c.device == "cam-1")))


def test_readings_go_by_their_arrival_and_never_by_a_device_s_clock(either_store: Store) -> None:
    keep(either_store, "old", arrived_s=NOW_S - 31 * DAY_S, at_s=NOW_S + DAY_S)
    keep(either_store, "recent", arrived_s=NOW_S - 29 * DAY_S, at_s=0.0)
    keep(either_store, "new", arrived_s=NOW_S, at_s=NOW_S)
    done = list(steps(either_store, Terms(), NOW_S))
    assert boots(either_store) == {"recent": 3, "new": 3}
    assert sum(step.rows for step in done if step.what == "deleted from telemetry") == 3


def test_what_is_kept_forever_stays(either_store: Store) -> None:
    keep(either_store, "old", arrived_s=1.0, at_s=1.0)
    assert sum(step.rows for step in steps(either_store, FOREVER, NOW_S)) == 0
    assert boots(either_store) == {"old": 3}


def test_minutes_go_before_hours(either_store: Store) -> None:
    old_s = NOW_S - 20 * DAY_S
    keep(either_store, "old", arrived_s=old_s, at_s=old_s)
    keep(either_store, "new", arrived_s=NOW_S, at_s=NOW_S)
    list(steps(either_store, Terms(), NOW_S))
    assert starts(either_store, tables.ROLLUP_MINUTES) == {int(NOW_S // 60) * 60}
    assert starts(either_store, tables.ROLLUP_HOURS) == {int(moment // 3600) * 3600 for moment in (old_s, NOW_S)}
    list(steps(either_store, Terms(), NOW_S + 401 * DAY_S))
    assert starts(either_store, tables.ROLLUP_HOURS) == set()


def test_one_transaction_deletes_a_bounded_number(either_store: Store) -> None:
    count = 2 * ROWS + 5
    plain = {"device": "cam-1", "boot": "b1", "at_s": 0.0, "received_s": NOW_S - 40 * DAY_S, "body": "{}"}
    with either_store.writing() as connection:
        connection.execute(tables.EVENTS.insert(), [{**plain, "sequence": n} for n in range(count)])
    deleted = [step.rows for step in steps(either_store, Terms(), NOW_S) if step.what == "deleted from events"]
    assert deleted == [ROWS, ROWS, 5]


def test_partitions_are_made_ahead_and_dropped_whole(either_store: Store) -> None:
    if either_store.backend == "sqlite":
        assert [step for step in steps(either_store, Terms(), NOW_S) if step.what.startswith("made")] == []
        return
    list(steps(either_store, Terms(), NOW_S))
    keep(either_store, "here", arrived_s=NOW_S, at_s=NOW_S)
    with either_store.reading() as connection:
        there = partitions.partitions(connection, "telemetry")
        assert [one.day - int(NOW_S // 86400) for one in there] == list(range(8))
        assert connection.scalar(sa.text(f"SELECT count(*) FROM {there[0].name}")) == 3
    later = list(steps(either_store, Terms(), (there[0].day + 1) * 86400 + 30 * DAY_S))
    assert f"dropped {there[0].name}" in [step.what for step in later]
    assert f"dropped {there[1].name}" not in [step.what for step in later]
    assert boots(either_store) == {}


def test_a_file_gives_its_pages_back(store: Store) -> None:
    plain = {"device": "cam-1", "boot": "b1", "at_s": 0.0, "received_s": 1.0, "body": "x" * 2000}
    with store.writing() as connection:
        connection.execute(tables.EVENTS.insert(), [{**plain, "sequence": n} for n in range(3000)])
    pages = sa.text("PRAGMA page_count")
    with store.reading() as connection:
        before = connection.scalar(pages)
    given = [step for step in steps(store, Terms(), NOW_S) if step.what == "gave pages back"]
    with store.reading() as connection:
        assert int(connection.scalar(pages) or 0) < int(before or 0) / 5
        assert connection.scalar(sa.text("PRAGMA freelist_count")) == 0
    assert len(given) > 2


def test_the_keeper_works_only_where_its_server_leads(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keepers, "LOOK_S", 0.02)
    keep(store, "old", arrived_s=1.0, at_s=1.0)
    asked, leads = [0], [False]

    def ask() -> bool:
        asked[0] += 1
        return leads[0]

    keeper = Keeper(store, Terms(), ask)
    keeper.start()
    try:
        _until(lambda: asked[0] >= 3)
        assert boots(store) == {"old": 3}
        leads[0] = True
        _until(lambda: boots(store) == {})
    finally:
        keeper.close()


def _until(done: Callable[[], bool]) -> None:
    for _ in range(1000):
        if done():
            return
        time.sleep(0.02)
    raise AssertionError("it never came about")


@pytest.mark.parametrize(("text", "expected"), [("30d", 30 * DAY_S), ("1.5h", 5400.0), ("forever", math.inf)])
def test_lengths_of_time(text: str, expected: float) -> None:
    assert seconds(text, where="--keep-x") == expected


@pytest.mark.parametrize("text", ["", "30", "30m", "-1d", "0d", "0.5h", "1e3d", "99999999d", "inf", "3 d"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="Write it like 30d, 12h or forever"):
        seconds(text, where="--keep-x")


def test_each_option_has_its_place() -> None:
    assert terms("1d", "2d", "3d", "4d") == Terms(DAY_S, 2 * DAY_S, 3 * DAY_S, 4 * DAY_S)
    with pytest.raises(ConfigError, match="--keep-minutes"):
        terms("1d", "2d", "x", "4d")
