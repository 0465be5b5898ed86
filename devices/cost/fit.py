"""Speeds by kind of work, from published times: a least-squares fit, and how far off it is on what it has not seen.

A network's time is taken as a sum: so many nanoseconds a multiplication of each kind, a number moved, a frame. The
speeds are those that make the sum of squared relative errors over the published networks least, with none of them
negative (Lawson and Hanson, Solving Least Squares Problems, 1974, chapter 23; there are few of them, so every subset is
tried). The error stated is that of leaving one network out, fitting the others, and foretelling it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import ceil

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float64]
WITHIN = 0.9
"""The share of published networks that the stated error covers."""


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """Speeds, and how well they foretell."""

    costs: _Floats
    """Milliseconds a unit of each feature, none negative."""
    errors: _Floats | None
    """Of each network when it was left out, as a share of its time; None where there are too few to leave one out."""

    @property
    def error_share(self) -> float | None:
        """What nine of ten networks stay within; of nine and fewer, all of them."""
        if self.errors is None:
            return None
        ranked = np.sort(np.abs(self.errors))
        return float(ranked[ceil(WITHIN * len(ranked)) - 1])

    @property
    def within(self) -> int:
        """How many of the networks stay within that."""
        share = self.error_share
        return 0 if self.errors is None or share is None else int((np.abs(self.errors) <= share).sum())


def fit(amounts: Sequence[_Floats], times_ms: Sequence[float]) -> Fit:
    """`amounts` holds a row a network and a column a feature; `times_ms` what each network takes."""
    work, times = np.asarray(amounts, np.float64), np.asarray(times_ms, np.float64)
    errors = None
    if len(times) >= 2:
        errors = np.array([_left_out(work, times, place) for place in range(len(times))])
    return Fit(least_squares(work, times), errors)


def least_squares(work: _Floats, times: _Floats) -> _Floats:
    """The costs, at least 0, with the least sum of squared relative errors."""
    relative = work / times[:, None]
    scale = relative.max(axis=0)
    scale[scale == 0] = 1.0
    relative = relative / scale
    best, least = np.zeros(work.shape[1]), float("inf")
    for number in range(1, work.shape[1] + 1):
        for chosen in combinations(range(work.shape[1]), number):
            found, *_ = np.linalg.lstsq(relative[:, chosen], np.ones(len(times)), rcond=None)
            misfit = float(np.sum((relative[:, chosen] @ found - 1) ** 2))
            if (found >= 0).all() and misfit < least - 1e-12:
                best, least = np.zeros(work.shape[1]), misfit
                best[list(chosen)] = found
    costs: _Floats = best / scale
    return costs


def _left_out(work: _Floats, times: _Floats, place: int) -> float:
    others = np.arange(len(times)) != place
    costs = least_squares(work[others], times[others])
    return float(work[place] @ costs / times[place] - 1)
