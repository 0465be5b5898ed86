"""Thresholds for a goal: chosen on one set of pictures, told by another."""

from __future__ import annotations

import numpy as np
import pytest

from contract.errors import ConfigError
from trainer.measurement.measures import OperatingPoint
from trainer.measurement.thresholds import operating_point, wishes

LABELS = ("cat", "dog")


def told(text: str, sure: list[float], right: list[bool], known: OperatingPoint | None = None) -> OperatingPoint:
    """For cats answered with `sure`, which are dogs where not `right`; both splits are the same."""
    (wish,) = wishes(text, LABELS, where="train.toml")
    shares = np.array([[one, 1.0 - one] for one in sure])
    truth = np.where(np.array(right), 0, 1)
    return operating_point(wish, (shares, truth), (shares, truth), known)


def test_precision_takes_the_lowest_threshold_that_gives_it() -> None:
    point = told("precision>=0.75", [0.95, 0.9, 0.8, 0.7, 0.6], [True, True, False, True, False])
    assert point.threshold == pytest.approx(0.7)
    assert (point.on_validation, point.coverage) == (0.75, 0.8)
    assert point.precision is not None
    assert point.precision.value == 0.75
    assert point.reached is True


def test_recall_takes_the_highest_threshold_that_gives_it() -> None:
    point = told("recall.cat>=0.6", [0.95, 0.9, 0.8, 0.7, 0.6], [True, True, False, True, False])
    assert point.threshold == pytest.approx(0.9)
    assert point.recall is not None
    assert point.recall.value == pytest.approx(2 / 3)


def test_coverage_takes_the_highest_threshold_and_keeps_equal_scores_together() -> None:
    point = told("coverage>=0.5", [0.9, 0.8, 0.8, 0.8], [True] * 4)
    assert point.threshold == pytest.approx(0.8)
    assert point.coverage == 1.0


def test_what_no_threshold_reaches_is_said() -> None:
    point = told("precision>=0.9", [0.9, 0.8], [False, True])
    assert (point.threshold, point.validation_pictures, point.reached) == (None, 2, None)


def test_a_threshold_chosen_when_training_stays() -> None:
    chosen = told("precision>=0.75", [0.95, 0.9, 0.8, 0.7], [True, True, False, True])
    again = told("precision>=0.75", [0.99, 0.71, 0.2], [True, False, True], chosen)
    assert again.threshold == chosen.threshold
    assert again.precision is not None
    assert again.precision.value == pytest.approx(1 / 3)  # 0.2 for a cat is 0.8 for a dog: answered, and wrong
    assert again.reached is False


@pytest.mark.parametrize("text", ["", "precision", "precision>0.9", "precision>=1.5", "recall>=0", "coverage.cat>=0.9"])
def test_what_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="not understood"):
        wishes(text, LABELS, where="train.toml")


def test_an_unknown_class_is_refused() -> None:
    with pytest.raises(ConfigError, match="names no class"):
        wishes(["precision>=0.9", "recall.cow>=0.9"], LABELS, where="train.toml")
