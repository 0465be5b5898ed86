"""Two classifiers on one test set, part by part.

Of a part what counts is the share of pictures that are answered rightly. That it fell is shown where fewer than
`evidence` of equal models would lose so many of the pictures that changed (one-sided exact sign test, which is
McNemar's), or where the part has at least `enough` pictures.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from trainer.measurement.comparison import Comparison, compared
from trainer.retraining.replacement import Finding, MeasuredSet, SetName, finding_of
from trainer.retraining.settings import Retraining


class AnswersPart(Struct, frozen=True, kw_only=True):
    """Some pictures of a test set: all, those of a class, or of a slice."""

    name: str
    """`all`, `class cat`, `device cam-1`."""
    pictures: int
    before: float
    """Share the old model gets right."""
    after: float
    lost: int
    """Pictures only the old model gets right."""
    won: int
    p: float
    """Of so many losses, or more, among the pictures that changed, if both models were equal; one-sided."""
    finding: Finding

    def told(self, name: SetName) -> str:
        """As `replacement.Judged`."""
        return (
            f"{self.name} on the {name} test set fell from {self.before:.1%} to {self.after:.1%} "
            f"({self.pictures} pictures, {self.lost} lost, {self.won} won, p {self.p:.2g})"
        )


class AnswersCompared(Struct, frozen=True, kw_only=True):
    """Both classifiers on one test set."""

    COLUMNS: ClassVar[tuple[str, ...]] = ("part", "pictures", "before", "after", "lost", "won", "finding")
    name: SetName
    whole: Comparison
    parts: tuple[AnswersPart, ...]

    @property
    def figures(self) -> tuple[float, float]:
        """Accuracy before and after."""
        return self.whole.accuracy.a, self.whole.accuracy.b

    def in_words(self) -> str:
        """As `replacement.SetCompared`."""
        accuracy, (low, high) = self.whole.accuracy, self.whole.accuracy.interval
        return (
            f"{self.whole.pictures} pictures: accuracy {self.figures_in_words()}, difference "
            f"{accuracy.difference:+.2%} (95 %: {low:+.2%} to {high:+.2%}), churn {self.whole.churn:.2%}, "
            f"McNemar p {self.whole.mcnemar_p:.2g}"
        )

    def figures_in_words(self) -> str:
        """As `replacement.SetCompared`."""
        before, after = self.figures
        return f"{before:.2%} before, {after:.2%} after"

    def rows(self) -> Iterator[tuple[str, ...]]:
        """As `replacement.SetCompared`."""
        for part in self.parts:
            shares = (f"{part.before:.1%}", f"{part.after:.1%}")
            yield (part.name, str(part.pictures), *shares, str(part.lost), str(part.won), part.finding)


@dataclass(frozen=True, slots=True)
class Answered:
    """Both models' scores (N, classes) of a test set, in the numbering of the new one."""

    on: MeasuredSet
    truth: NDArray[np.int64]
    before: NDArray[np.float32]
    after: NDArray[np.float32]


def answers_rule(limits: Retraining) -> str:
    """In words."""
    return (
        f"refused where a part of at least {limits.smallest_part} pictures has more than {limits.max_drop:.1%} of them "
        f"less right, and the sign test's one-sided p is at most {limits.evidence:g} or the part has at least "
        f"{limits.enough} pictures"
    )


def answers_compared(answered: Answered, labels: Sequence[str], limits: Retraining) -> AnswersCompared:
    """Both models on one test set, whole and in parts."""
    before, after = (scores.argmax(axis=1) == answered.truth for scores in (answered.before, answered.after))
    whole = compared(answered.before, answered.after, answered.truth, groups=answered.on.numbered())
    parts = tuple(_part(name, before[where], after[where], limits) for name, where in _parts(answered, labels))
    return AnswersCompared(name=answered.on.name, whole=whole, parts=parts)


def sign_p(lost: int, won: int) -> float:
    """Chance of at least `lost` losses among `lost + won` fair ones (binomial, 1/2)."""
    trials = lost + won
    return float(sum(math.comb(trials, number) for number in range(lost, trials + 1)) / 2**trials)


def _part(name: str, before: NDArray[np.bool_], after: NDArray[np.bool_], limits: Retraining) -> AnswersPart:
    lost, won, pictures = int(np.sum(before & ~after)), int(np.sum(after & ~before)), len(before)
    p = sign_p(lost, won)
    shown = p <= limits.evidence or pictures >= limits.enough
    return AnswersPart(
        name=name,
        pictures=pictures,
        before=float(before.mean()),
        after=float(after.mean()),
        lost=lost,
        won=won,
        p=p,
        finding=finding_of((lost - won) / pictures, pictures, limits, shown=shown),
    )


def _parts(answered: Answered, labels: Sequence[str]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Name and mask of each part that has pictures."""
    yield "all", np.ones(len(answered.truth), np.bool_)
    for number, label in enumerate(labels):
        if (answered.truth == number).any():
            yield f"class {label}", answered.truth == number
    yield from answered.on.slices()
