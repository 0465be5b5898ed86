"""The gate on small tables of scores whose right answers can be seen by eye."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from contract.errors import GateError
from converters.gate import Limits, compare, judge

LABELS = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2, 0])


def sure(answers: NDArray[np.int64], share: float = 0.9) -> NDArray[np.float32]:
    """Scores (N, 3) whose first answers are `answers`."""
    scores = np.full((len(answers), 3), (1 - share) / 2, np.float32)
    scores[np.arange(len(answers)), answers] = share
    return scores


def test_a_twin_loses_nothing_and_agrees_everywhere() -> None:
    same = compare(sure(LABELS), sure(LABELS), LABELS, where="test")
    assert (same.source_accuracy, same.artifact_accuracy, same.agreement) == (1.0, 1.0, 1.0)
    assert same.sqnr_db == np.inf
    judge(same, Limits(), where="test")


def test_noise_is_told_in_decibels() -> None:
    source = sure(LABELS)
    noisy = source + np.float32(0.01) * np.where(np.arange(30).reshape(10, 3) % 2, 1, -1).astype(np.float32)
    found = compare(source, noisy, LABELS, where="test")
    assert found.largest_difference == pytest.approx(0.01, rel=1e-3)
    assert found.sqnr_db == pytest.approx(10 * np.log10(np.square(source).sum() / (30 * 1e-4)), abs=0.01)


def test_a_fall_of_accuracy_beyond_the_limit_is_refused_with_both_numbers() -> None:
    wrong = LABELS.copy()
    wrong[:2] = (wrong[:2] + 1) % 3
    fallen = compare(sure(LABELS), sure(wrong), LABELS, where="toy as tflite")
    lenient = {"min_agreement": 0.5}
    with pytest.raises(GateError, match=r"from 100\.00% to 80\.00% on 10 pictures") as refused:
        judge(fallen, Limits(max_drop=0.15, **lenient), where="toy as tflite")
    assert refused.value.where == "toy as tflite"
    judge(fallen, Limits(max_drop=0.2, **lenient), where="toy as tflite")


def test_a_single_picture_on_a_small_set_is_no_evidence_unless_none_may_be_lost() -> None:
    wrong = LABELS.copy()
    wrong[0] = 1
    fallen = compare(sure(LABELS), sure(wrong), LABELS, where="test")
    judge(fallen, Limits(), where="test")
    with pytest.raises(GateError, match=r"0\.00% are allowed"):
        judge(fallen, Limits(max_drop=0), where="test")


def test_equal_accuracy_by_other_answers_is_refused() -> None:
    source, artifact = LABELS.copy(), LABELS.copy()
    source[:2], artifact[2:4] = (source[:2] + 1) % 3, (artifact[2:4] + 1) % 3
    swapped = compare(sure(source), sure(artifact), LABELS, where="test")
    assert swapped.drop == 0
    with pytest.raises(GateError, match=r"only 60\.0% of the first answers"):
        judge(swapped, Limits(), where="test")


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_answers_that_are_no_numbers_are_refused(broken: float) -> None:
    scores = sure(LABELS)
    scores[3, 1] = broken
    with pytest.raises(GateError, match="not numbers"):
        compare(sure(LABELS), scores, LABELS, where="test")


def test_one_answer_for_every_picture_is_refused() -> None:
    with pytest.raises(GateError, match="the artifact gives every picture the same answer"):
        compare(sure(LABELS), sure(np.zeros(10, np.int64)), LABELS, where="test")


def test_a_dead_original_is_named_as_such() -> None:
    with pytest.raises(GateError, match="the original gives every picture the same answer"):
        compare(sure(np.zeros(10, np.int64)), sure(LABELS), LABELS, where="test")


def test_another_number_of_classes_is_refused() -> None:
    with pytest.raises(GateError, match=r"\(10, 2\), expected \(10, 3\)"):
        compare(sure(LABELS), sure(LABELS)[:, :2], LABELS, where="test")
