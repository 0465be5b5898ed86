"""How long something took, as a histogram that only grows: cheap enough to be taken at every commit."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterator

BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Durations:
    """Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = [0] * (len(BOUNDS_S) + 1)
        self.sum_s = 0.0

    def add(self, seconds: float) -> None:
        """One more."""
        with self._lock:
            self._counts[bisect_left(BOUNDS_S, seconds)] += 1
            self.sum_s += seconds

    def buckets(self) -> Iterator[tuple[str, float]]:
        """How many took at most so long, as Prometheus wants it: each bound with all below it, `+Inf` last."""
        with self._lock:
            counts = list(self._counts)
        below = 0
        for bound, count in zip([*map(str, BOUNDS_S), "+Inf"], counts, strict=True):
            below += count
            yield bound, below
