"""How long planning for 100,000 devices takes, and what a tick of a running rollout over them costs (SQLite)."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from contract.codec import to_json
from contract.messages import Birth
from fleet import rollouts, tables
from fleet.answers import RolloutOrder
from fleet.rolling.terms import terms_of
from fleet.store import Store, open_store
from scripts.benchmarks.figure import Figure, at_most

_GOAL_S = 5.0


def figures(short: bool) -> dict[str, Figure]:
    """Medians of three plannings (one when short); creating and the first steps are measured once."""
    count = 20_000 if short else 100_000
    order = RolloutOrder(
        release="digits@2", where="tag.line in (1,2,3) or within(48.1,11.5,2000km)", phases=("1", "5%", "25%", "all")
    )
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{Path(folder) / 'fleet.db'}", fleet="bench")
        _fill(store, count)

        def planning() -> None:
            with store.reading() as connection:
                rollouts.planned_for(connection, order, terms_of(order), 1000.0)

        plan_s = statistics.median(_timed(planning) for _ in range(1 if short else 3))
        create_s = _timed(lambda: _create(store, order))
        first_s = _timed(lambda: _advance(store))
        idle_s = statistics.median(_timed(lambda: _advance(store)) for _ in range(5))
        store.close()
    return {
        "devices": Figure(count, "devices"),
        "filter to waves": at_most(plan_s, _GOAL_S, "s"),
        "create, written": Figure(create_s, "s"),
        "first step": Figure(first_s * 1000, "ms"),
        "step that waits": Figure(idle_s * 1000, "ms"),
    }


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _create(store: Store, order: RolloutOrder) -> None:
    with store.writing() as connection:
        rollouts.create(connection, order, 1000.0)


def _advance(store: Store) -> None:
    with store.writing() as connection:
        rollouts.advance(connection, 1, 1001.0)


def _fill(store: Store, count: int) -> None:
    """Devices of one profile on twenty lines, and a release for them."""
    digest = "sha256:" + "2" * 64
    release = {
        "digest": digest,
        "name": "digits",
        "version": 2,
        "profile": "rpi4",
        "format": "tflite",
        "task": "classify",
        "size_bytes": 1_000_000,
        "keyid": "sha256:" + "3" * 64,
        "verified": True,
        "evidence": "{}",
        "note": "",
        "added_s": 1.0,
    }
    with store.writing() as connection:
        connection.execute(tables.RELEASES.insert().values(release))
        for first in range(0, count, 10_000):
            rows = [_device(number) for number in range(first, min(first + 10_000, count))]
            connection.execute(tables.DEVICES.insert(), rows)


def _device(number: int) -> dict[str, object]:
    birth = Birth(
        at="2026-01-01T00:00:00Z",
        boot="b",
        profile="rpi4",
        edgeferry="0.1.0",
        python="3.11.7",
        backend="ai-edge-litert 2.3.0",
        model="digits@1",
        digest="sha256:" + "1" * 64,
        holds=("sha256:" + "1" * 64,),
        site=f"site-{number % 300}",
        tags={"line": str(number % 20), "lat": str(48 + number % 10), "lon": str(11 + number % 7)},
    )
    return {
        "device": f"cam-{number:06d}",
        "boot": "b",
        "online": number % 50 != 0,
        "birth": to_json(birth).decode(),
        "model": "digits@1",
        "digest": birth.digest,
        "first_seen_s": 1.0,
    }
