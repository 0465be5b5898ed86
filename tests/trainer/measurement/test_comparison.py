"""Two models on the same pictures: hand-made cases, known distributions, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

from contract.errors import DataError
from trainer.measurement.comparison import compared, mcnemar


def scores_of(answers: np.ndarray, classes: int = 3) -> np.ndarray:
    return np.asarray(np.eye(classes)[answers], np.float32)


def test_the_exact_p_of_mcnemar_by_hand() -> None:
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 5) == 1.0
    assert mcnemar(0, 6) == pytest.approx(2 / 64)
    assert mcnemar(8, 1) == mcnemar(1, 8) == pytest.approx(2 * (1 + 9) / 2**9)
    assert 0.0 < mcnemar(3000, 2000) < 1e-40 < math.inf


def test_a_small_case_counted_by_hand() -> None:
    truth = np.array([0, 0, 1, 1, 2, 2])
    a, b = np.array([0, 0, 1, 0, 2, 1]), np.array([0, 1, 1, 1, 2, 0])
    found = compared(scores_of(a), scores_of(b), truth)
    assert (found.only_a_right, found.only_b_right, found.both_wrong) == (1, 1, 1)
    assert found.churn == pytest.approx(3 / 6)
    assert found.accuracy.difference == 0.0
    assert found.accuracy.interval[0] < 0.0 < found.accuracy.interval[1]
    assert found.verdict == "no difference shown"


def test_a_model_that_is_better_is_said_to_be() -> None:
    draws = np.random.default_rng(4)
    truth = draws.integers(0, 3, 400)
    a = np.where(draws.random(400) < 0.7, truth, (truth + 1) % 3)
    b = np.where(draws.random(400) < 0.9, truth, (truth + 1) % 3)
    found = compared(scores_of(a), scores_of(b), truth, seed=1)
    assert found.verdict == "better"
    assert found.accuracy.difference == pytest.approx(found.accuracy.b - found.accuracy.a)
    assert found.macro_f1.interval[0] > 0.0
    assert found.mcnemar_p < 1e-6
    assert compared(scores_of(b), scores_of(a), truth, seed=1).verdict == "worse"


def test_equal_models_are_equal_and_a_difference_may_yet_be_seen() -> None:
    truth = np.arange(60) % 3
    found = compared(scores_of(truth), scores_of(truth), truth)
    assert (found.churn, found.mcnemar_p, found.verdict) == (0.0, 1.0, "no difference shown")
    low, high = found.accuracy.interval
    assert low == -high
    assert 0.0 < high < 0.1


def test_no_answer_is_a_wrong_one() -> None:
    truth = np.zeros(30, np.int64)
    silent = np.full((30, 3), np.nan, np.float32)
    found = compared(silent, scores_of(truth), truth)
    assert (found.accuracy.a, found.accuracy.b, found.only_b_right) == (0.0, 1.0, 30)


def test_scores_of_other_pictures_are_refused() -> None:
    with pytest.raises(DataError, match="for 4 pictures"):
        compared(np.ones((5, 2)), np.ones((5, 2)), np.zeros(4, np.int64))
