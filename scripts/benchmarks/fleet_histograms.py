"""How far percentiles out of roll-ups are from those of every frame, on latencies of known and of measured kind.

2,000 windows of 50 frames each (10 frames/s, 5 s) are told as p50, p95 and p99, as a device does, spread into a
histogram and merged; the exact percentiles are those of all 100,000 frames. The kinds: log-normal of one device and of
a fleet whose devices differ tenfold; a floor with an exponential tail, as inference alone on a core has; two humps, as
a processor that is held back now and then; one frame in a hundred ten times as long. The last is this machine's own:
how long a fixed piece of numpy work takes, a hundred thousand times.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fleet.keeping.histogram import SHARES, spread
from scripts.benchmarks.figure import Figure, at_most

FRAMES = 50
Latencies = NDArray[np.float64]


def kinds(windows: int) -> Iterator[tuple[str, Latencies]]:
    """Names, and latencies in ms as (window, frame)."""
    chance = np.random.default_rng(20260501)
    size = (windows, FRAMES)
    yield "log_normal", chance.lognormal(np.log(12), 0.2, size)
    yield "fleet", chance.lognormal(np.log(12), 0.2, size) * np.geomspace(0.3, 3, windows)[:, None]
    yield "floor_and_tail", 10 + chance.exponential(1.5, size)
    slow = chance.random(size) < 0.3
    yield "two_humps", np.where(slow, chance.normal(30, 1, size), chance.normal(12, 0.5, size))
    yield "rare_and_long", chance.normal(12, 0.5, size) * np.where(chance.random(size) < 0.01, 10, 1)
    yield "this_machine", _measured(windows * FRAMES).reshape(size)


def _measured(frames: int) -> Latencies:
    picture, taken = np.ones((64, 64), dtype=np.float32), np.empty(frames)
    for frame in range(frames):
        began = time.perf_counter()
        picture @ picture
        taken[frame] = (time.perf_counter() - began) * 1000
    return taken


def figures(short: bool) -> dict[str, Figure]:
    """The relative error of p50, p95 and p99 for each kind."""
    found: dict[str, Figure] = {}
    for name, latencies in kinds(200 if short else 2000):
        said = np.percentile(latencies, [100 * share for share in SHARES], axis=1).T
        whole = spread([(0, float(p50), float(p95), float(p99), FRAMES) for p50, p95, p99 in said])[0]
        for share in SHARES:
            exact, told = float(np.quantile(latencies, share)), whole.percentile(share) or 0.0
            key, error = f"{name}_p{share * 100:.0f}_error", abs(told / exact - 1)
            found[key] = at_most(error, 0.1, "")
    return found
