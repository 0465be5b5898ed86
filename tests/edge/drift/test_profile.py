"""References: what weights do to them, and pictures that are all alike."""

from __future__ import annotations

import numpy as np
import pytest

from contract.codec import to_pretty_json
from contract.reference import parse
from edge.drift.calibration import pictures_of
from edge.drift.profile import Answers, reference_of


def noise_for(labels: list[str | None]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (len(labels), 16, 16, 3), np.uint8)


def test_weights_give_the_class_mix_of_what_was_thinned_out() -> None:
    labels: list[str | None] = ["cat"] * 100 + ["dog"] * 100
    weights = np.repeat([9.0, 1.0], 100)
    made = reference_of(
        noise_for(labels), Answers(labels, np.full(200, 0.9)), ("cat", "dog"), made_with="tflite", weights=weights
    )
    assert made.pictures == 200
    assert made.classes == pytest.approx({"cat": 0.9, "dog": 0.1})
    # Kish: (100 * 9 + 100)^2 / (100 * 81 + 100), about as many as say something.
    assert pictures_of(made) == pytest.approx(122, abs=5)


def test_no_answer_is_missing_from_the_classes_and_sure_of_nothing() -> None:
    labels: list[str | None] = ["cat"] * 30 + [None] * 10
    confidence = np.repeat([0.9, 0.0], [30, 10])
    made = reference_of(noise_for(labels), Answers(labels, confidence), ("cat",), made_with="tflite")
    assert made.classes == {"cat": 0.75}
    assert made.confidence.counts[0] == 10


@pytest.mark.parametrize("value", [0, 255])
def test_pictures_all_alike_make_a_reference_that_is_read_back(value: int) -> None:
    frames = np.full((60, 8, 8, 1), value, np.uint8)
    made = reference_of(frames, Answers(["a"] * 60, np.ones(60)), ("a",), made_with="float")
    assert parse(to_pretty_json(made), where="here") == made
