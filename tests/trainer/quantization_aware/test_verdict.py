"""What is more than chance, and how it is said."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.quantization_aware.verdict import by_chance, compared, decided

TRUTH = np.zeros(20, np.int64)


def answers(*wrong: int) -> np.ndarray:
    given = TRUTH.copy()
    given[list(wrong)] = 1
    return given


@pytest.mark.parametrize(
    ("won", "lost", "probability"),
    [(0, 0, 1.0), (5, 0, 1 / 32), (4, 0, 1 / 16), (3, 1, 5 / 16), (0, 3, 1.0), (8, 1, 10 / 512)],
)
def test_the_exact_tail_of_fair_tosses(won: int, lost: int, probability: float) -> None:
    assert by_chance(won, lost) == pytest.approx(probability)


def test_scipy_agrees() -> None:
    from scipy.stats import binomtest  # type: ignore[import-untyped]

    for won, lost in ((7, 2), (12, 5), (3, 9)):
        assert by_chance(won, lost) == pytest.approx(binomtest(won, won + lost, alternative="greater").pvalue)


def test_only_pictures_that_one_of_them_gets_right_count() -> None:
    comparison = compared("others", TRUTH, answers(0, 1), answers(1, 2, 3, 4, 5, 6))
    assert (comparison.right, comparison.right_other) == (18, 14)
    assert (comparison.only_right, comparison.only_right_other) == (5, 1)
    assert comparison.p_value == pytest.approx(7 / 64)
    assert not comparison.holds


def test_it_is_kept_only_where_every_comparison_holds() -> None:
    better = compared("of one", TRUTH, answers(), answers(0, 1, 2, 3, 4))
    equal = compared("of another", TRUTH, answers(), answers())
    assert decided([better, better])[0]
    kept, why = decided([better, equal])
    assert not kept
    assert why == (
        "not kept: not shown to be better by more than chance. Right of 20 validation pictures as int8 files: "
        "20 against 15 of one (it alone 5, the other alone 0, one-sided exact McNemar p = 0.031); "
        "20 of another (it alone 0, the other alone 0, one-sided exact McNemar p = 1.000)"
    )
