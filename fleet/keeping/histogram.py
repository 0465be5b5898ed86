"""Latencies counted in buckets that grow by a fixed ratio, so that any two histograms add up to the exact union.

The buckets are DDSketch's (Masson, Rim, Lee: "DDSketch", VLDB 2019): bucket i holds (FLOOR * GAMMA**(i-1),
FLOOR * GAMMA**i], and what it answers is within `ERROR` of everything in it. Counts are whole hundredths of frames:
adding them is exact, whatever the order.

A reading does not carry its frames' latencies, only p50, p95 and p99 of its window. `spread` places the window's frames
on a curve through these three: straight in log(latency) over the normal quantile, which is exact for log-normal
latencies. Below p50 it falls as it rises above; beyond p99 it goes on as between p95 and p99. What this costs is
measured by `scripts/bench fleet_histograms`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import add
from statistics import NormalDist

import msgspec
import numpy as np
from numpy.typing import NDArray

ERROR = 0.02
GAMMA = (1 + ERROR) / (1 - ERROR)
FLOOR_MS, CEILING_MS = 1e-3, 1e7
SHARES = (0.5, 0.95, 0.99)
HUNDREDTHS = 100
_LOG = math.log(GAMMA)
_LAST = math.ceil(math.log(CEILING_MS / FLOOR_MS) / _LOG)
_BUCKETS = _LAST + 1
_WEIGHTS = np.array([10] * 4 + [5] * 10 + [1] * 10, dtype=np.int64)
"""Hundredths of the frames at each place of the curve. A place is the middle of its frames, but where these end at one
of `SHARES` it is their end: a window alone then answers what it said."""
_NORMAL = NormalDist()
_Z95, _Z99 = (_NORMAL.inv_cdf(share) for share in SHARES[1:])


def _curve() -> NDArray[np.float64]:
    """(place, 3): each place's log-latency as a weighted sum of the logs of p50, p95 and p99; rows add up to 1."""
    ends = np.cumsum(_WEIGHTS)
    rows = []
    for end, width in zip(ends, _WEIGHTS, strict=True):
        share = end / HUNDREDTHS
        z = _NORMAL.inv_cdf(share if share in SHARES else share - width / 2 / HUNDREDTHS)
        if z < _Z95:
            way = z / _Z95
            rows.append((1 - way, way, 0.0))
        else:
            way = (z - _Z95) / (_Z99 - _Z95)
            rows.append((0.0, 1 - way, way))
    return np.array(rows)


_CURVE = _curve()


class Histogram(msgspec.Struct, array_like=True):
    """Hundredths of frames by bucket, from bucket `first` on."""

    first: int = 0
    counts: list[int] = []

    def add(self, other: Histogram) -> None:
        """Everything in `other` as well."""
        if not other.counts:
            return
        if not self.counts:
            self.first, self.counts = other.first, list(other.counts)
            return
        before = max(0, self.first - other.first)
        after = max(0, other.first + len(other.counts) - self.first - len(self.counts))
        counts = [0] * before + self.counts + [0] * after
        self.first -= before
        begin = other.first - self.first
        end = begin + len(other.counts)
        counts[begin:end] = map(add, counts[begin:end], other.counts)
        self.counts = counts

    @property
    def frames(self) -> float:
        """How many are counted."""
        return sum(self.counts) / HUNDREDTHS

    def percentile(self, share: float) -> float | None:
        """The latency in ms that `share` (0..1) of the frames do not exceed; None where there are no frames."""
        wanted, seen = share * sum(self.counts), 0
        for bucket, count in enumerate(self.counts, self.first):
            seen += count
            if count and seen >= wanted:
                return value_of(bucket)
        return None


def value_of(bucket: int) -> float:
    """The latency in ms a bucket stands for."""
    return FLOOR_MS * 2 * GAMMA**bucket / (GAMMA + 1)


def spread(windows: Sequence[tuple[int, float, float, float, int]]) -> dict[int, Histogram]:
    """Histograms by target, from windows of (target, p50, p95, p99 in ms, frames); many at once, for speed."""
    if not windows:
        return {}
    said = np.array([window[1:4] for window in windows], dtype=np.float64)
    logs = np.log(np.maximum.accumulate(np.clip(said, FLOOR_MS, CEILING_MS), axis=1) / FLOOR_MS)
    buckets = np.clip(np.ceil(logs @ _CURVE.T / _LOG - 1e-9), 0, _LAST).astype(np.int64)
    targets = np.array([window[0] for window in windows], dtype=np.int64)
    counts = np.array([window[4] for window in windows], dtype=np.int64)[:, None] * _WEIGHTS
    keys, inverse = np.unique((targets[:, None] * _BUCKETS + buckets).ravel(), return_inverse=True)
    sums = np.bincount(inverse.ravel(), weights=counts.ravel().astype(np.float64)).astype(np.int64)
    return _by_target(keys, sums)


def _by_target(keys: NDArray[np.int64], sums: NDArray[np.int64]) -> dict[int, Histogram]:
    found: dict[int, Histogram] = {}
    targets, buckets = np.divmod(keys, _BUCKETS)
    begins = np.flatnonzero(np.diff(targets, prepend=-1))
    for begin, end in zip(begins, [*begins[1:], len(keys)], strict=True):
        first = int(buckets[begin])
        counts = np.zeros(int(buckets[end - 1]) - first + 1, dtype=np.int64)
        counts[buckets[begin:end] - first] = sums[begin:end]
        found[int(targets[begin])] = Histogram(first, counts.tolist())
    return found


class Union:
    """Many histograms as one: quicker than one after another."""

    __slots__ = ("_total",)

    def __init__(self) -> None:
        self._total = np.zeros(_BUCKETS, dtype=np.int64)

    def add(self, histogram: Histogram) -> None:
        """Everything in `histogram` as well."""
        end = histogram.first + len(histogram.counts)
        self._total[histogram.first : end] += np.array(histogram.counts, dtype=np.int64)

    def whole(self) -> Histogram:
        """All of them together."""
        used = np.flatnonzero(self._total)
        if not len(used):
            return Histogram()
        return Histogram(int(used[0]), self._total[used[0] : used[-1] + 1].tolist())
