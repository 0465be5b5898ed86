"""Labels in another order than the model's are found by pictures whose classes are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from numpy.typing import NDArray

from converters.label_order import lint_labels
from converters.source import UNKNOWN, Pictures

LABELS = ("cat", "dog", "hen", "owl", "pig")


def golden(labels: NDArray[np.int64]) -> Pictures:
    return Pictures(np.zeros((len(labels), 1, 1, 1), np.uint8), labels)


def answers(true: NDArray[np.int64], mistakes: float, seed: int = 0) -> NDArray[np.float64]:
    """Scores of a model that is right, but for a share of mistakes that are spread over all classes."""
    random = np.random.default_rng(seed)
    said = np.where(random.random(len(true)) < mistakes, random.integers(0, 5, len(true)), true)
    return np.asarray(np.eye(5)[said])


TRUE = np.arange(100) % 5


@pytest.mark.parametrize("mistakes", [0.0, 0.2, 0.5, 0.9])
def test_a_model_that_is_mistaken_now_and_then_has_its_labels_in_order(mistakes: float) -> None:
    assert lint_labels(answers(TRUE, mistakes), golden(TRUE), LABELS) == []


@given(some.permutations(range(5)).filter(lambda order: order != list(range(5))))
def test_any_other_order_is_an_error(order: list[int]) -> None:
    named = golden(np.array(order)[TRUE])
    findings = lint_labels(answers(TRUE, 0.2), named, LABELS)
    assert [(finding.level, finding.check) for finding in findings] == [("error", "label-order")]


def test_a_model_that_calls_every_picture_the_same_is_no_matter_of_labels() -> None:
    assert lint_labels(np.eye(5)[np.zeros(100, int)], golden(TRUE), LABELS) == []


def test_pictures_nobody_labelled_say_nothing() -> None:
    assert lint_labels(answers(TRUE, 0), golden(np.full(100, UNKNOWN)), LABELS) == []


@pytest.mark.parametrize("labels", [LABELS[:4], (*LABELS, "yak")])
def test_as_many_labels_as_classes_are_needed(labels: tuple[str, ...]) -> None:
    findings = lint_labels(answers(TRUE, 0), golden(TRUE), labels)
    assert findings[0].what == f"{len(labels)} labels for 5 classes"


def test_a_label_for_two_classes_is_said() -> None:
    findings = lint_labels(answers(TRUE, 0), golden(TRUE), ("cat", "dog", "cat", "owl", "pig"))
    assert [(finding.level, finding.check) for finding in findings] == [("warning", "label")]
