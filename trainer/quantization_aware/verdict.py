"""Whether learning with rounding was worth it: one int8 file against others, picture by picture.

Both files answer the same pictures, so only those count that one of them alone gets right: McNemar's test, exact
(Q. McNemar, 1947, Psychometrika 12:153; the binomial tail in place of chi-square). It is asked one-sided, and each
comparison must hold by itself, which needs no correction for there being several (Berger, 1982, Technometrics 24:295).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from contract.manifest import Digest, Share

CHANCE = 0.05
"""A difference is more than chance below this probability of one as large without any."""


class Comparison(Struct, frozen=True, kw_only=True):
    """The quantisation-aware int8 file against another int8 file on the validation pictures."""

    against: str
    """In words."""
    pictures: int
    right: int
    """Of the quantisation-aware file."""
    right_other: int
    only_right: int
    """Pictures that it alone gets right."""
    only_right_other: int
    p_value: Share
    """Probability that it is so far ahead by chance."""

    @property
    def holds(self) -> bool:
        """Whether it is ahead by more than chance."""
        return self.p_value < CHANCE


class QuantizationAware(Struct, frozen=True, kw_only=True):
    """`quantization_aware` of metrics.json."""

    kept: bool
    """Whether the run has the model."""
    decision: str
    """Why, in words."""
    epochs: int
    """Of learning with rounding."""
    learning_rate: float
    seconds: float
    """Of that, the control's training included."""
    accuracy: Share
    """Of the Keras model, rounding included, on the test split."""
    file_accuracy: Share
    """Of its int8 file on the test split."""
    file_agreement: Share
    """Share of test pictures on which the two give the same answer."""
    weights: Digest
    float_control: Share | None = None
    """Accuracy on the test split of a float model trained as much longer; None where it was not asked for."""
    comparisons: tuple[Comparison, ...] = ()
    """On the validation split; none where nothing was compared."""


def compared(
    against: str, labels: NDArray[np.int64], answers: NDArray[np.int64], others: NDArray[np.int64]
) -> Comparison:
    """`answers` of the quantisation-aware file and those of another on the same pictures, (N,) each."""
    right, right_other = answers == labels, others == labels
    only, only_other = int(np.sum(right & ~right_other)), int(np.sum(~right & right_other))
    return Comparison(
        against=against,
        pictures=len(labels),
        right=int(right.sum()),
        right_other=int(right_other.sum()),
        only_right=only,
        only_right_other=only_other,
        p_value=by_chance(only, only_other),
    )


def by_chance(won: int, lost: int) -> float:
    """Probability of winning at least `won` of won + lost fair coin tosses."""
    tosses = won + lost
    ways = sum(math.comb(tosses, heads) for heads in range(won, tosses + 1))
    return float(ways / 2**tosses)


def decided(comparisons: Sequence[Comparison]) -> tuple[bool, str]:
    """Whether to keep the quantisation-aware model, and the sentence that says why."""
    kept = all(comparison.holds for comparison in comparisons)
    word = "kept: better by more than chance" if kept else "not kept: not shown to be better by more than chance"
    first = comparisons[0]
    figures = "; ".join(
        f"{other.right_other} {other.against} (it alone {other.only_right}, the other alone {other.only_right_other}, "
        f"one-sided exact McNemar p = {other.p_value:.3f})"
        for other in comparisons
    )
    return kept, f"{word}. Right of {first.pictures} validation pictures as int8 files: {first.right} against {figures}"
