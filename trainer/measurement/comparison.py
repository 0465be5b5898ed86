"""Two models on the same pictures: is one better, or did the dice fall so?

Paired throughout: what counts is where the two disagree. `churn` matters beside accuracy, since a new model that is as
good and answers otherwise breaks whoever relied on the old one (Milani Fard et al., 2016, "Launch and Iterate").
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from contract.errors import DataError
from contract.manifest import Share
from trainer.measurement.bootstrap import RESAMPLES, Estimates, Figure, Statistic, estimate
from trainer.measurement.weighted import Counts, Labels, mean_of

Interval = tuple[float, float]
Scores = NDArray[Any]


class Difference(Struct, frozen=True, kw_only=True):
    """One figure of both models, and how far apart they are."""

    a: float
    b: float
    difference: float
    """b - a: above zero, b is better."""
    interval: Interval
    """95 %, from resampling the pictures for both models together."""


class Comparison(Struct, frozen=True, kw_only=True):
    """Model b against model a."""

    pictures: int
    accuracy: Difference
    macro_f1: Difference
    churn: Share
    """Share of pictures that b answers otherwise than a, rightly or not."""
    only_a_right: int
    """Pictures b lost."""
    only_b_right: int
    """Pictures b won."""
    both_wrong: int
    mcnemar_p: Share
    """Exact two-sided p of McNemar's test: how often equal models would differ this much in right answers."""
    verdict: Literal["better", "worse", "no difference shown"]
    """Of b, by the interval of the accuracy difference leaving out zero."""


def compared(
    a_scores: Scores,
    b_scores: Scores,
    truth: Labels,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    groups: NDArray[np.int64] | None = None,
) -> Comparison:
    """Compare scores (N, classes) of two models on the same pictures with class numbers `truth` (N,).

    A row without any finite score is no answer, and wrong. `groups` (N,) numbers pictures that belong together, which
    are then resampled together. DataError where the shapes do not fit each other.
    """
    _check(a_scores, b_scores, truth)
    a, b = _answers(a_scores), _answers(b_scores)
    a_right, b_right = (a == truth).astype(np.float64), (b == truth).astype(np.float64)
    f1_a, f1_b = (Counts(truth, answers, a_scores.shape[1]) for answers in (a, b))
    figures = {
        "accuracy": _apart(mean_of(b_right - a_right)),
        "macro_f1": _apart(lambda weights: f1_b.macro_f1(weights) - f1_a.macro_f1(weights)),
    }
    found = estimate(figures, len(truth), seed=seed, resamples=resamples, groups=groups)
    once = np.ones((1, len(truth)))
    lost, won = int(np.sum(a_right > b_right)), int(np.sum(b_right > a_right))
    accuracy = _difference(float(a_right.mean()), float(b_right.mean()), found["accuracy"])
    return Comparison(
        pictures=len(truth),
        accuracy=accuracy,
        macro_f1=_difference(float(f1_a.macro_f1(once)[0]), float(f1_b.macro_f1(once)[0]), found["macro_f1"]),
        churn=float(np.mean(a != b)),
        only_a_right=lost,
        only_b_right=won,
        both_wrong=int(np.sum((a_right == 0) & (b_right == 0))),
        mcnemar_p=mcnemar(lost, won),
        verdict="better" if accuracy.interval[0] > 0 else "worse" if accuracy.interval[1] < 0 else _UNDECIDED,
    )


_UNDECIDED: Literal["no difference shown"] = "no difference shown"


def mcnemar(only_a: int, only_b: int) -> float:
    """Exact two-sided p for so many pictures that only one of the models got right (McNemar, 1947): binomial, 1/2."""
    trials = only_a + only_b
    term = tail = 1  # whole numbers, since a binomial of thousands is beyond any float
    for wins in range(min(only_a, only_b)):
        term = term * (trials - wins) // (wins + 1)
        tail += term
    return min(1.0, 2 * tail / int(2**trials))


def _apart(statistic: Statistic) -> Figure:
    return Figure(statistic, range=(-1.0, 1.0))


def _difference(a: float, b: float, found: Estimates) -> Difference:
    return Difference(a=a, b=b, difference=b - a, interval=(float(found.low[0]), float(found.high[0])))


def _answers(scores: Scores) -> Labels:
    """The class with the highest finite score of each picture; -1 where there is none."""
    finite = np.where(np.isfinite(scores), scores, -np.inf)
    return np.where(np.isfinite(scores).any(axis=1), finite.argmax(axis=1), -1).astype(np.int64)


def _check(a_scores: Scores, b_scores: Scores, truth: Labels) -> None:
    if a_scores.shape != b_scores.shape or a_scores.ndim != 2 or len(truth) != len(a_scores) or not len(truth):
        raise DataError(
            f"scores of shape {a_scores.shape} and {b_scores.shape} for {len(truth)} pictures",
            where="comparison of two models",
            fix="Measure both on the same pictures with the same labels.",
        )
