"""How sure a measured figure is: bootstrap intervals of any figure that can be computed from weighted pictures.

A resample is a row of weights (how often each picture was drawn), so one matrix serves every figure and nothing loops
over resamples. Pictures are drawn from all of them, not class by class: the mix of classes out there is no more certain
than anything else. Where pictures come in groups (one person, one camera), whole groups are drawn.

Intervals are BCa (Efron, 1987, JASA 82:171), their acceleration from a jackknife over at most 200 blocks. A figure that
resampling pushes to one side by itself (calibration error: noise only ever adds) has the basic interval instead
(Davison and Hinkley, 1997, 5.2), which takes that push back. Where not one resample differs (no mistake at all), the
bootstrap would claim certainty; the figure then counts as a share of the pictures and has Wilson's interval.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from contract.intervals import share_interval

RESAMPLES = 2000
FEWEST = 1000
"""Resamples where so many pictures and classes meet that more would take minutes."""
LEVEL = 0.95
_BLOCKS = 200
_CELLS = 100_000
"""Weights held at once: 0.8 MB of float64 stay in a processor's cache, which halves the time of larger blocks."""
_NORMAL = NormalDist()
Weights = NDArray[np.float64]
Values = NDArray[np.float64]
Statistic = Callable[[Weights], Values]
"""From weights (B, N) to values (B,) or (B, M); nan where a resample has nothing to measure."""


@dataclass(frozen=True, slots=True)
class Figure:
    """Something to measure, and how its interval is made."""

    of: Statistic
    skewed: bool = False
    """Resampling itself pushes it: the basic interval."""
    range: tuple[float, float] = (0.0, 1.0)
    """What it can be at all."""
    support: Values | None = None
    """Pictures (M,) each value rests on, for Wilson's interval; None for all of them."""


@dataclass(frozen=True, slots=True)
class Estimates:
    """Values (M,) of one figure with the ends of their 95 % intervals."""

    values: Values
    low: Values
    high: Values

    @property
    def single(self) -> tuple[float, float, float]:
        """Value, low, high of a figure that is one number."""
        return float(self.values[0]), float(self.low[0]), float(self.high[0])


def estimate(
    figures: Mapping[str, Figure],
    pictures: int,
    *,
    seed: int,
    resamples: int = RESAMPLES,
    groups: NDArray[np.int64] | None = None,
) -> dict[str, Estimates]:
    """Every figure with its interval, all from the same resamples of `pictures` pictures.

    `groups` (N,) numbers the pictures that belong together. Equal arguments give equal intervals.
    """
    members = np.arange(pictures) if groups is None else np.unique(groups, return_inverse=True)[1].reshape(-1)
    drawn = _over(figures, _resampled(members, resamples, np.random.default_rng(seed)))
    without = _over(figures, _left_out(members, np.random.default_rng((seed, 1))))
    whole = _over(figures, iter([np.ones((1, pictures))]))
    count = int(members.max()) + 1
    return {
        name: _intervals(figure, whole[name][0], drawn[name], without[name], _support(figure, count))
        for name, figure in figures.items()
    }


def _support(figure: Figure, count: int) -> Values:
    """Independent pictures or groups behind each value, at least one."""
    return np.full(1, count) if figure.support is None else np.clip(figure.support, 1, count)


def _over(figures: Mapping[str, Figure], blocks: Iterator[Weights]) -> dict[str, Values]:
    """Values (B, M) of every figure over all blocks of weights."""
    found: dict[str, list[Values]] = {name: [] for name in figures}
    for weights in blocks:
        for name, figure in figures.items():
            values = figure.of(weights)
            found[name].append(values.reshape(len(weights), -1))
    return {name: np.concatenate(values) for name, values in found.items()}


def _resampled(members: NDArray[np.int64], resamples: int, draws: np.random.Generator) -> Iterator[Weights]:
    """Weights (b, N) of `resamples` draws with replacement, some rows at a time."""
    count = int(members.max()) + 1
    rows = max(1, _CELLS // max(count, len(members)))
    for start in range(0, resamples, rows):
        b = min(rows, resamples - start)
        chosen = draws.integers(0, count, (b, count)) + np.arange(b)[:, None] * count
        counts = np.bincount(chosen.reshape(-1), minlength=b * count).reshape(b, count)
        yield counts[:, members].astype(np.float64)


def _left_out(members: NDArray[np.int64], draws: np.random.Generator) -> Iterator[Weights]:
    """Weights (b, N) that leave one block of pictures out: the jackknife."""
    count = int(members.max()) + 1
    blocks = min(count, _BLOCKS)
    block_of = draws.permutation(np.arange(count) % blocks)[members]
    rows = max(1, _CELLS // len(members))
    for start in range(0, blocks, rows):
        left_out = np.arange(start, min(start + rows, blocks))
        yield (block_of[None, :] != left_out[:, None]).astype(np.float64)


def _intervals(figure: Figure, whole: Values, drawn: Values, without: Values, support: Values) -> Estimates:
    low, high = np.full(len(whole), np.nan), np.full(len(whole), np.nan)
    support = np.broadcast_to(support, whole.shape)
    for i, value in enumerate(whole):
        seen = drawn[np.isfinite(drawn[:, i]), i]
        if np.isfinite(value) and len(seen):
            low[i], high[i] = _interval(figure, float(value), seen, without[:, i], int(support[i]))
    return Estimates(whole, low, high)


def _interval(figure: Figure, value: float, seen: Values, without: Values, count: int) -> tuple[float, float]:
    least, most = figure.range
    if np.ptp(seen) < 1e-12:
        return _without_spread(value, (least, most), count)
    tail = (1.0 - LEVEL) / 2.0
    if figure.skewed:
        lower, upper = np.quantile(seen, (tail, 1.0 - tail))
        return max(least, 2.0 * value - float(upper)), min(most, 2.0 * value - float(lower))
    low, high = np.quantile(seen, _bca_levels(value, seen, without[np.isfinite(without)], tail))
    # Far from normal figures can put the value itself outside; an interval that denies its own figure helps nobody.
    return min(float(low), value), max(float(high), value)


def _without_spread(value: float, span: tuple[float, float], count: int) -> tuple[float, float]:
    """Where no resample differs: as a share of `count` pictures, a difference as one that may yet be seen."""
    least, most = span
    if span == (-1.0, 1.0):
        unseen = share_interval(0.0, count)[1]
        return value - unseen, value + unseen
    if not np.isfinite(most - least) or most <= least:
        return value, value
    low, high = share_interval(min(1.0, max(0.0, (value - least) / (most - least))), count)
    return min(value, least + low * (most - least)), max(value, least + high * (most - least))


def _bca_levels(value: float, seen: Values, without: Values, tail: float) -> tuple[float, float]:
    """Which quantiles of the resamples are the interval: Efron's bias correction and acceleration."""
    below = (np.sum(seen < value - 1e-12) + 0.5 * np.sum(np.abs(seen - value) <= 1e-12)) / len(seen)
    bias = _NORMAL.inv_cdf(float(np.clip(below, 1.0 / len(seen), 1.0 - 1.0 / len(seen))))
    apart = without.mean() - without if len(without) else np.zeros(1)
    spread = float((apart**2).sum())
    acceleration = float((apart**3).sum()) / (6.0 * spread**1.5) if spread > 1e-18 else 0.0
    levels = []
    for z in (_NORMAL.inv_cdf(tail), _NORMAL.inv_cdf(1.0 - tail)):
        bent = bias + (bias + z) / max(1e-6, 1.0 - acceleration * (bias + z))
        levels.append(float(np.clip(_NORMAL.cdf(bent), 0.0, 1.0)))
    return levels[0], levels[1]
