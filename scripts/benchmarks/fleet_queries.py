"""How long the page and the API wait for the store when a fleet has reported for a day.

PostgreSQL (fsync on, nothing tuned) holds 1,000 devices with a reading each ten seconds for 24 hours, 8.6 million;
SQLite 100 devices with 860,000. In the short form it is 200,000 readings each. Each figure is the median of 15 calls
after one that warms up, in ms, of the function behind the call up to the answer's JSON. `overview_5000` is the whole
list of a fleet of 5,000, as the old form of `/api/devices` answers it.
"""

from __future__ import annotations

import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Connection

from fleet import keeping, readings, rollouts
from fleet.keeping import lists, ranges
from fleet.store import Store, open_store
from scripts.benchmarks._filled_stores import durable_postgres, fill
from scripts.benchmarks.figure import Figure, at_most

NOW_S = 1_770_000_000.0
GOAL_MS = 200.0
DEVICE = "cam-00042"
CALLS = 15


def _days(device: str | None) -> Iterator[tuple[str, Callable[[Connection], Any]]]:
    for name, minutes in (("15min", 15), ("24h", 60 * 24), ("7d", 60 * 24 * 7)):
        yield name, partial(_series, device=device, minutes=minutes)


def _series(connection: Connection, device: str | None, minutes: int) -> str:
    return keeping.series(connection, device, minutes=minutes, now_s=NOW_S).model_dump_json()


def queries() -> Iterator[tuple[str, Callable[[Connection], Any]]]:
    """Each call of the page and the API, by name."""
    yield "overview", lambda c: lists.devices_json(c, offset=0, limit=None, search="", sort="id")
    yield "overview_page", lambda c: lists.devices_json(c, offset=200, limit=50, search="site 7", sort="last_seen")
    yield "overview_models", lambda c: readings.overview(c, limit=100)
    yield "statistics", readings.statistics
    yield "device_detail", lambda c: readings.device_detail(c, DEVICE).model_dump_json()
    yield "telemetry_15min", lambda c: readings.telemetry(c, DEVICE, minutes=15, now_s=NOW_S).model_dump_json()
    yield from ((f"series_{name}", call) for name, call in _days(DEVICE))
    yield from ((f"fleet_series_{name}", call) for name, call in _days(None))
    for name, minutes in (("1h", 60), ("24h", 60 * 24), ("7d", 60 * 24 * 7)):
        yield f"fleet_percentiles_{name}", partial(ranges.percentiles, minutes=minutes, now_s=NOW_S)
    yield "quarantine", lambda c: lists.quarantine(c, offset=50, limit=50)
    yield "rollouts", rollouts.list_rollouts
    yield "events", lambda c: lists.events(c, DEVICE, offset=50, limit=50)


def figures(short: bool) -> dict[str, Figure]:
    """Medians by database and call."""
    found: dict[str, Figure] = {}
    with _postgres() as store:
        found |= _measured("postgresql", store, 1000, 200 if short else 8640)
    with _sqlite() as store:
        found |= _measured("sqlite", store, 100, 2000 if short else 8640)
    with _sqlite() as store:
        fill(store, 5000, 1, NOW_S)
        found["sqlite.overview_5000"] = at_most(_median(store, dict(queries())["overview"]), GOAL_MS, "ms")
        found["sqlite.overview_5000_page"] = at_most(_median(store, dict(queries())["overview_page"]), GOAL_MS, "ms")
    return found


def _measured(database: str, store: Store, devices: int, count: int) -> dict[str, Figure]:
    began = time.monotonic()
    fill(store, devices, count, NOW_S)
    found = {f"{database}.readings": Figure(devices * count, "rows")}
    found[f"{database}.filled_in"] = Figure(time.monotonic() - began, "s")
    for name, query in queries():
        found[f"{database}.{name}"] = at_most(_median(store, query), GOAL_MS, "ms")
    return found


def _median(store: Store, query: Callable[[Connection], Any]) -> float:
    taken = []
    for _ in range(CALLS + 1):
        began = time.perf_counter()
        with store.reading() as connection:
            query(connection)
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken[1:])


@contextlib.contextmanager
def _postgres() -> Iterator[Store]:
    with durable_postgres() as url, contextlib.closing(open_store(url, fleet="barn")) as store:
        yield store


@contextlib.contextmanager
def _sqlite() -> Iterator[Store]:
    with tempfile.TemporaryDirectory(prefix="edgeferry-bench-") as folder:
        store = open_store(f"sqlite:///{Path(folder) / 'fleet.db'}", fleet="barn")
        with contextlib.closing(store):
            yield store
