"""Two detectors on the same pictures: how far their average precision lies apart, and whether that is an accident.

The interval is a bootstrap over pictures, both models on the same draw. What tells a drop from an accident is a
randomisation test (Noreen, 1989; Yeh, COLING 2000, for figures that are no mean over examples, as average precision is
none; Smucker et al., CIKM 2007, found it better kept to its level than sign and rank tests for rankings): were both
models equal, either could have given either answer to a picture. So answers change sides picture by picture, or group
by group, and the drop is compared with those that come of it. It holds its level however few pictures there are, where
a bootstrap of few pictures does not.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.average_precision import Average, Matches
from edge.marked import Found, Marked
from trainer.detection.weighted_precision import average_precisions, mean_precision, within
from trainer.measurement.bootstrap import FEWEST, Figure, Values, Weights, estimate
from trainer.measurement.comparison import Difference

SWAPS = 1000
_ALL_OF = 9
"""Up to so many pictures or groups every way to change sides is tried: 512."""
_EQUAL = 1e-9
Members = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two detectors' boxes in N pictures, matched once, as those of one detector in 2N: first a's, then b's."""

    matches: tuple[Matches, ...]
    """By class."""
    pictures: int

    @property
    def marked(self) -> NDArray[np.int64]:
        """(classes, N) boxes there are to find."""
        rows = [one.marked[: self.pictures] for one in self.matches]
        return np.array(rows, np.int64).reshape(len(rows), self.pictures)

    def within(self, pictures: NDArray[np.bool_]) -> Pair:
        """Of the `pictures` (N,) alone."""
        return Pair(tuple(within(one, np.tile(pictures, 2)) for one in self.matches), int(pictures.sum()))

    def of_classes(self, numbers: Sequence[int]) -> Pair:
        """Of the classes `numbers` alone."""
        return replace(self, matches=tuple(self.matches[number] for number in numbers))

    def precisions(self, weights: Weights) -> tuple[Values, Values]:
        """(B, classes, 10) of a and of b, for `weights` (B, N) of the pictures."""
        of_a = np.arange(2 * self.pictures) < self.pictures
        a, b = ([within(one, mine) for one in self.matches] for mine in (of_a, ~of_a))
        return average_precisions(a, weights), average_precisions(b, weights)

    def swapped(self, sides: NDArray[np.bool_]) -> tuple[Values, Values]:
        """The same of B pairs of models that changed sides where `sides` (B, N) says so."""
        changed = sides.astype(np.float64)
        return (
            average_precisions(self.matches, np.concatenate([1.0 - changed, changed], axis=1)),
            average_precisions(self.matches, np.concatenate([changed, 1.0 - changed], axis=1)),
        )


def paired(truth: Sequence[Marked], a: Sequence[Found], b: Sequence[Found], classes: int) -> Pair:
    """Both models' boxes `a` and `b` in the same pictures, against their `truth`."""
    average = Average([*truth, *truth], [*a, *b], classes)
    return Pair(tuple(average.matches(number) for number in range(classes)), len(truth))


def differences(pair: Pair, groups: Members | None, *, seed: int = 0) -> tuple[Difference, Difference]:
    """Of mAP50-95 and mAP50, with their paired 95 % intervals; `groups` (N,) are drawn whole."""

    def apart(weights: Weights) -> Values:
        a, b = (_both_means(one) for one in pair.precisions(weights))
        return b - a

    figures = {"map": Figure(apart, range=(-1.0, 1.0))}
    found = estimate(figures, pair.pictures, seed=seed, resamples=FEWEST, groups=groups)["map"]
    whole = [_both_means(one)[0] for one in pair.precisions(np.ones((1, pair.pictures)))]
    first, second = (
        Difference(a=float(a), b=float(b), difference=float(b - a), interval=(float(low), float(high)))
        for a, b, low, high in zip(*whole, found.low, found.high, strict=True)
    )
    return first, second


def _both_means(precisions: Values) -> Values:
    """(B, 2): mAP50-95 and mAP50."""
    return np.stack([mean_precision(precisions), mean_precision(precisions[..., :1])], axis=1)


def drop_p(pair: Pair, units: Members, *, seed: int = 0) -> float:
    """One-sided p of b's mAP50-95 being so far below a's: how often equal models would lose as much by accident.

    `units` (N,) numbers pictures that change sides together.
    """
    a, b = pair.precisions(np.ones((1, pair.pictures)))
    drop = float(mean_precision(a)[0] - mean_precision(b)[0])
    names, members = np.unique(units, return_inverse=True)
    flips = _flips(len(names), seed)
    first, second = pair.swapped(flips[:, members.reshape(-1)])
    as_much = mean_precision(first) - mean_precision(second) >= drop - _EQUAL
    if len(names) <= _ALL_OF:
        return float(as_much.mean())
    return float((1 + as_much.sum()) / (1 + len(flips)))


def _flips(units: int, seed: int) -> NDArray[np.bool_]:
    """(B, units) who changes sides: every way there is where those are few, and otherwise drawn ones."""
    if units <= _ALL_OF:
        return np.array(list(itertools.product((False, True), repeat=units)), np.bool_)
    drawn: NDArray[np.bool_] = np.random.default_rng(seed).random((SWAPS, units)) < 0.5
    return drawn
