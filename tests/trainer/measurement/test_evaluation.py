"""Scores against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.measurement.evaluation import NO_ANSWER, first_answers, score

LABELS = ("cat", "dog", "fish")


def numbers(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def test_scores_are_the_ones_a_person_works_out() -> None:
    scores = score(numbers(0, 0, 0, 1, 1, 2), numbers(0, 0, 1, 1, 1, 0), LABELS)
    assert scores.accuracy == pytest.approx(4 / 6)
    assert scores.confusion == ((2, 1, 0), (0, 2, 0), (1, 0, 0))
    cat, dog, fish = scores.per_class
    assert (cat.precision, cat.recall, cat.pictures) == (pytest.approx(2 / 3), pytest.approx(2 / 3), 3)
    assert (dog.precision, dog.recall) == (pytest.approx(2 / 3), 1.0)
    assert (fish.precision, fish.recall, fish.f1) == (0.0, 0.0, 0.0)
    assert scores.macro_f1 == pytest.approx((2 / 3 + 0.8 + 0.0) / 3)


def test_a_picture_without_an_answer_is_wrong_and_in_no_column() -> None:
    scores = score(numbers(0, 1), numbers(0, NO_ANSWER), LABELS[:2])
    assert scores.accuracy == 0.5
    assert scores.confusion == ((1, 0), (0, 0))
    assert scores.per_class[1].recall == 0.0


def test_the_first_answer_is_the_highest_score() -> None:
    assert first_answers(np.array([[0.1, 0.9], [0.8, 0.2]], np.float32)).tolist() == [1, 0]
