"""What watching costs: one look at a fleet in which every device has a new reading, and one in which none has.

The store is SQLite in a temporary folder, readings are plausible and all different, and the time is that of this
process on the processor: on a shared machine the clock on the wall measures the neighbours.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from random import Random

import sqlalchemy as sa

from contract.codec import to_json
from contract.messages import FrameLedger, Percentiles, Telemetry
from contract.moments import rfc3339
from fleet import tables
from fleet.alerts.settings import AlertSettings
from fleet.alerts.watchman import Watchman
from fleet.store import Store, open_store
from scripts.benchmarks.figure import Figure, at_most

DEVICES = 5_000
EVERY_S = 5.0


def figures(short: bool) -> dict[str, Figure]:
    """Medians over 20 looks (6 in short) of each kind."""
    looks = 6 if short else 20
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{Path(folder) / 'fleet.db'}", fleet="bench")
        try:
            return _measured(store, looks)
        finally:
            store.close()


def _measured(store: Store, looks: int) -> dict[str, Figure]:
    watchman = Watchman("bench", store, AlertSettings(), connected=lambda: True, expiries_s=dict)
    names = [f"cam-{n:05}" for n in range(DEVICES)]
    row = {"online": True, "model": "digits@1", "first_seen_s": 0.0, "last_seen_s": 0.0, "latest_boot": "b"}
    with store.writing() as connection:
        connection.execute(tables.DEVICES.insert(), [row | {"device": name} for name in names])
    chance, now_s, busy, idle = Random(7), 1e9, [], []
    for sequence in range(1, looks + 2):
        now_s += EVERY_S
        _say(store, names, sequence, now_s, chance)
        busy.append(_one_look(watchman, now_s))
    for _ in range(looks):
        now_s += EVERY_S
        idle.append(_one_look(watchman, now_s))
    gone = _all_gone(store, watchman, now_s)
    return {
        "look_5000_new_readings_cpu_ms": at_most(statistics.median(busy[1:]), 50, "ms"),
        "look_5000_nothing_new_cpu_ms": at_most(statistics.median(idle), 50, "ms"),
        "look_5000_devices_gone_at_once_cpu_ms": Figure(gone, "ms"),
    }


def _say(store: Store, names: list[str], sequence: int, now_s: float, chance: Random) -> None:
    """A new reading of every device."""
    columns = ("latest", "latest_sequence", "last_seen_s")
    here = tables.DEVICES.update().where(tables.DEVICES.c.device == sa.bindparam("row"))
    rows = [
        {"row": name, "latest": _reading(sequence, now_s, chance), "latest_sequence": sequence, "last_seen_s": now_s}
        for name in names
    ]
    with store.writing() as connection:
        connection.execute(here.values({column: sa.bindparam(column) for column in columns}), rows)


def _reading(sequence: int, now_s: float, chance: Random) -> str:
    p50 = chance.gauss(4.0, 0.25)
    return to_json(
        Telemetry(
            sequence=sequence,
            at=rfc3339(now_s),
            window_s=EVERY_S,
            model="digits@1",
            digest="sha256:" + "1" * 64,
            ledger=FrameLedger(captured=110 * sequence, inferred=100 * sequence, dropped={"stale": 10 * sequence}),
            frames_per_s=20.0,
            latency_ms={
                stage: Percentiles(p50=p50, p95=p50 + 2.5, p99=p50 + 5)
                for stage in ("preprocess", "invoke", "postprocess", "total", "age")
            },
            classes={str(label): chance.randint(1, 20) for label in range(10)},
            mean_confidence=chance.gauss(0.9, 0.01),
            temperature_c=chance.gauss(51.5, 0.8),
        )
    ).decode()


def _one_look(watchman: Watchman, now_s: float) -> float:
    before = time.process_time()
    assert watchman.look(now_s)
    return 1e3 * (time.process_time() - before)


def _all_gone(store: Store, watchman: Watchman, now_s: float) -> float:
    """The look that raises an alert for every device."""
    with store.writing() as connection:
        connection.execute(tables.DEVICES.update().values(online=False))
    for pause_s in (100.0, 120.0, 240.0):
        _one_look(watchman, now_s + pause_s)
    return _one_look(watchman, now_s + 420.0)
