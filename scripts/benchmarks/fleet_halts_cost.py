"""What judging a rollout over ten thousand devices costs the server's tick: SQLite on disk, medians.

One wave of 60 commits within a minute; 200 devices are control. Everybody sends a reading each five seconds; only those
compared have all of theirs in the file, the rest a few each.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fleet import tables
from fleet.judging import evidence, verdict
from fleet.judging.limits import Judging
from fleet.store import open_store
from fleet.targets import targets_of
from scripts.benchmarks.figure import Figure, at_most
from tests.fleet.judging.stored_rollout import COMMITTED_S, NEW, TOLD_S, StoredRollout, names
from tests.fleet.simulated import DIGEST

DEVICES, WAVE = 10_000, 60
_PERIOD_S = 5.0
_DUE_S = COMMITTED_S + 300.0 + 80.0


def figures(short: bool) -> dict[str, Figure]:
    """Milliseconds of one call, by what was due; the last is what a tick costs on average while a wave is compared."""
    repeats = 3 if short else 15
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{Path(folder) / 'fleet.db'}", fleet="barn")
        with store.writing() as connection:
            rollout = _fill(connection, 5 if short else 30)
        costs: dict[str, list[float]] = {"repeated": [], "counts": [], "readings": [], "decide": []}
        for _ in range(repeats):
            with store.writing() as connection:
                connection.execute(tables.JUDGING.delete())
                costs["readings"].append(_ms(lambda c: verdict(c, rollout, _DUE_S), connection))
            with store.writing() as connection:
                costs["repeated"].append(_ms(lambda c: verdict(c, rollout, _DUE_S + 1), connection))
                costs["counts"].append(_ms(lambda c: verdict(c, rollout, _DUE_S + 20), connection))
                costs["decide"].append(_ms(lambda c: targets_of(c, rollout), connection))
        with store.reading() as connection:
            kept = connection.scalar(sa.select(sa.func.length(tables.JUDGING.c.memory)))
        store.close()
    median = {name: statistics.median(times) for name, times in costs.items()}
    every = evidence.EVERY_S
    mean = median["repeated"] + median["counts"] / every + median["readings"] * len(Judging().looks_s) / 60
    return {
        "repeated": Figure(median["repeated"], f"ms, nine ticks of ten (n={repeats})"),
        "counts": Figure(median["counts"], f"ms, every {every:g} s"),
        "readings": Figure(median["readings"], "ms, at most once a minute and look"),
        "list_of_targets": Figure(median["decide"], "ms, for comparison: reading the rollout's 10,000 rows once"),
        "kept": Figure((kept or 0) / 1000, "kB a rollout after 60 devices"),
        "tick": at_most(mean, 50.0, "ms a second while a wave is compared"),
    }


def _fill(connection: Connection, others: int) -> int:
    rollout = StoredRollout(connection, Judging())
    control, canaries = names("old", DEVICES - WAVE), names("new", WAVE)
    rollout.control(control)
    rollout.canaries(canaries)
    drawn = sorted(control, key=lambda name: evidence._lot(f"{rollout.id} {name}"))[: evidence.MOST_CONTROLS]
    rollout.said(drawn, TOLD_S - 400, _DUE_S, DIGEST, period_s=_PERIOD_S)
    rollout.said(canaries, TOLD_S - 400, TOLD_S, DIGEST, period_s=_PERIOD_S)
    rollout.said(canaries, COMMITTED_S, _DUE_S, NEW, period_s=_PERIOD_S)
    rollout.said([n for n in control if n not in set(drawn)], _DUE_S - others * _PERIOD_S, _DUE_S, DIGEST, period_s=5.0)
    return rollout.id


def _ms(call: Callable[[Connection], object], connection: Connection) -> float:
    began = time.perf_counter()
    call(connection)
    return (time.perf_counter() - began) * 1000
