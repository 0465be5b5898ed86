"""Figures of weighted pictures, many weightings at a time: what the bootstrap resamples.

With all weights one they are scikit-learn's figures (a test holds them together); it computes the reported values,
these their spread.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from trainer.measurement.bootstrap import Statistic, Values, Weights

__all__ = [
    "Counts", "Labels", "Values", "Weights", "auroc", "average_precision", "calibration_gap", "mean_of",
    "mean_over_classes", "one_hot",
]  # fmt: skip

Labels = NDArray[np.int64]


def mean_of(values: Values) -> Statistic:
    """The mean of a value (N,) a picture."""
    return lambda weights: (weights @ values) / weights.sum(axis=1)


def one_hot(numbers: Labels, classes: int) -> Values:
    """(N, classes) of 0 and 1; a number outside belongs to none."""
    return np.asarray(numbers[:, None] == np.arange(classes)[None, :], np.float64)


class Counts:
    """True positives, answers and pictures by class: what precision, recall and F1 are made of."""

    def __init__(self, truth: Labels, answers: Labels, classes: int) -> None:
        self._truth, self._answers = one_hot(truth, classes), one_hot(answers, classes)
        self._right = self._truth * self._answers

    @property
    def pictures(self) -> Values:
        """Of each class."""
        return np.asarray(self._truth.sum(axis=0))

    @property
    def answered(self) -> Values:
        """How often each class was the answer."""
        return np.asarray(self._answers.sum(axis=0))

    def precision(self, weights: Weights) -> Values:
        """(B, classes); nan where a class was never answered."""
        return _ratio(weights @ self._right, weights @ self._answers)

    def recall(self, weights: Weights) -> Values:
        """(B, classes); nan where a class has no picture."""
        return _ratio(weights @ self._right, weights @ self._truth)

    def f1(self, weights: Weights) -> Values:
        """(B, classes); nan where a class has neither picture nor answer."""
        return _ratio(2.0 * (weights @ self._right), weights @ self._truth + weights @ self._answers)

    def macro_f1(self, weights: Weights) -> Values:
        """(B,): over the classes with a picture or an answer in the resample.

        The others count as 0 only if they have none in the data either, as scikit-learn has it.
        """
        absent = (self._truth.sum(axis=0) + self._answers.sum(axis=0)) == 0
        f1 = self.f1(weights)
        f1[:, absent] = 0.0
        return mean_over_classes(f1)


def auroc(truth: Labels, scores: Values) -> Statistic:
    """Area under the ROC curve of each class against the rest, (B, classes); nan without both kinds.

    As a rank sum (Hanley and McNeil, 1982): how often a picture of the class scores above one of the rest, ties half.
    """
    return _by_class(truth, scores, _rank_area)


def average_precision(truth: Labels, scores: Values) -> Statistic:
    """Average precision of each class, (B, classes): precision at each new score, weighted by the recall it adds."""
    return _by_class(truth, scores, _precision_area)


def mean_over_classes(values: Values) -> Values:
    """(B, classes) to (B,), leaving out what is nan."""
    there = np.isfinite(values)
    total = np.where(there, values, 0.0).sum(axis=1)
    return np.asarray(total / np.where(there.any(axis=1), there.sum(axis=1), np.nan), np.float64)


def calibration_gap(bins: Labels, sureness: Values, right: Values) -> Statistic:
    """ECE over fixed bins (N,): the mean distance between how sure and how often right, weighted by pictures."""
    one = one_hot(bins, int(bins.max(initial=0)) + 1)
    apart = one * (sureness - right)[:, None]
    return lambda weights: np.asarray(np.abs(weights @ apart).sum(axis=1) / weights.sum(axis=1), np.float64)


def _ratio(part: Values, whole: Values) -> Values:
    return np.asarray(np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0), np.float64)


def _by_class(truth: Labels, scores: Values, area: Callable[[Weights, Weights, Labels], Values]) -> Statistic:
    """Sort once a class; every resample only reweighs the sorted pictures."""
    prepared = []
    for number in range(scores.shape[1]):
        order = np.argsort(-scores[:, number], kind="stable")
        falling = scores[order, number]
        last = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))
        prepared.append((order, last, truth[order] == number))

    def of(weights: Weights) -> Values:
        columns = []
        for order, last, positive in prepared:
            ordered = weights[:, order]
            columns.append(area(ordered * positive, ordered * ~positive, last))
        return np.stack(columns, axis=1)

    return of


def _rank_area(positive: Weights, negative: Weights, last: Labels) -> Values:
    """From weights sorted by falling score, and the last place of each run of equal scores."""
    hits, misses = np.cumsum(positive, axis=1)[:, last], np.cumsum(negative, axis=1)[:, last]
    before = np.concatenate([np.zeros((len(hits), 1)), hits[:, :-1]], axis=1)
    new_misses = np.diff(misses, axis=1, prepend=0.0)
    area = (new_misses * (before + hits) / 2.0).sum(axis=1)
    return _ratio(area, hits[:, -1] * misses[:, -1])


def _precision_area(positive: Weights, negative: Weights, last: Labels) -> Values:
    hits = np.cumsum(positive, axis=1)[:, last]
    named = hits + np.cumsum(negative, axis=1)[:, last]
    precision = np.divide(hits, named, out=np.zeros_like(hits), where=named > 0)
    area = (np.diff(hits, axis=1, prepend=0.0) * precision).sum(axis=1)
    return _ratio(area, hits[:, -1])
