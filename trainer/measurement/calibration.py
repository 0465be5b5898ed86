"""Scores as probabilities: how far they are from it, and one number that mends most of it.

Temperature scaling (Guo et al., 2017, arXiv 1706.04599) divides the logits by one number, fitted on the validation
split: answers stay the same, only how sure they are changes. Calibration error is measured over 15 bins of equally
many pictures, which are less biased than bins of equal width (Roelofs et al., arXiv 2012.08668).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from trainer.measurement.measures import Bin, Ranged
from trainer.measurement.weighted import Labels, Values, one_hot

BINS = 15
_LEAST = 1e-7
"""Scores below are taken for it, so that a logarithm exists; half of what float32 can tell from 1."""
_TEMPERATURES = (0.1, 10.0)
_HALVINGS = 60


def probabilities(scores: NDArray[Any]) -> Values:
    """Scores (N, classes) 0..1 as float64 rows that sum to 1; int8 softmax and sigmoid rows do so only after this."""
    floored = np.maximum(np.asarray(scores, np.float64), _LEAST)
    return np.asarray(floored / floored.sum(axis=1, keepdims=True), np.float64)


def scaled(shares: Values, temperature: float) -> Values:
    """Probabilities (N, classes) at another temperature."""
    return _softmax(np.log(shares) / temperature)


def fit_temperature(shares: Values, truth: Labels) -> float:
    """The temperature, 0.1 to 10, at which `truth` (N,) is likeliest under probabilities (N, classes).

    The likelihood is concave in 1/temperature, so its slope is halved down to zero. One further picture that could be
    any class stands beside the real ones, as in Platt's scaling (1999): without it, validation pictures that are all
    answered rightly would ask for infinitely sure scores.
    """
    logits = np.log(shares)
    count, classes = shares.shape
    target = (count * one_hot(truth, classes) + 1.0 / classes) / (count + 1)
    aim = float((target * logits).sum(axis=1).mean())
    low, high = 1.0 / _TEMPERATURES[1], 1.0 / _TEMPERATURES[0]
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        seen = float((_softmax(middle * logits) * logits).sum(axis=1).mean())
        low, high = (middle, high) if seen < aim else (low, middle)
    return 2.0 / (low + high)


def bins_of(sureness: Values) -> Labels:
    """The bin (N,) of each picture by its best score: equally many in each, equal scores together."""
    count = min(BINS, len(sureness))
    edges = np.unique(np.quantile(sureness, np.linspace(0.0, 1.0, count + 1)[1:-1])) if count > 1 else np.empty(0)
    found = np.searchsorted(edges, sureness, side="right")
    return np.unique(found, return_inverse=True)[1].reshape(-1).astype(np.int64)


def described(bins: Labels, sureness: Values, right: Values) -> tuple[Bin, ...]:
    """The bins as they are written down, least sure first."""
    return tuple(
        Bin(
            pictures=int((bins == number).sum()),
            sureness=float(sureness[bins == number].mean()),
            right=float(right[bins == number].mean()),
        )
        for number in range(int(bins.max(initial=-1)) + 1)
    )


@dataclass(frozen=True, slots=True)
class Chance:
    """The ECE of pictures that are right exactly as often as their scores say: what few pictures show anyway."""

    mean: float
    high: float
    """97.5 % of such sets of pictures show less."""

    def widened(self, found: Ranged) -> Ranged:
        """An interval that reaches down to 0 where chance alone would explain the figure.

        The bootstrap starts from the gaps it sees and cannot know that there may be none (measured: at a true error of
        0.001 and 100 pictures its interval holds in 42 % of cases, this one in 98 %).
        """
        return replace(found, low=0.0) if found.value <= self.high else found


def gap_by_chance(bins: Labels, sureness: Values, *, seed: int, draws: int = 400) -> Chance:
    """Drawn that many times over the same bins (N,) and scores (N,)."""
    one = one_hot(bins, int(bins.max(initial=0)) + 1)
    drawn = np.random.default_rng(seed).random((draws, len(sureness))) < sureness
    gaps = np.abs((sureness - drawn) @ one).sum(axis=1) / len(sureness)
    return Chance(float(gaps.mean()), float(np.quantile(gaps, 0.975)))


def _softmax(logits: Values) -> Values:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float64)
