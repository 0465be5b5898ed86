"""The drift reference of a float model."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.measurement.reference import reference


def test_the_reference_describes_pictures_and_answers() -> None:
    frames = np.zeros((4, 2, 2, 1), np.uint8)
    frames[2:] = 255
    scores = np.array([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.2, 0.8]], np.float32)
    made = reference(frames, scores, ("cat", "dog"))
    assert (made.made_with, made.pictures) == ("float", 4)
    assert made.classes == pytest.approx({"cat": 0.75, "dog": 0.25})
    assert sum(made.brightness.counts) == sum(made.contrast.counts) == sum(made.confidence.counts) == 4


def test_so_few_pictures_calibrate_nothing() -> None:
    made = reference(np.zeros((4, 2, 2, 1), np.uint8), np.eye(4, dtype=np.float32), tuple("abcd"))
    assert made.calibration is None
    assert made.layout is None


def test_equal_inputs_give_equal_references_with_thresholds() -> None:
    draws = np.random.default_rng(0)
    frames = draws.integers(0, 256, (60, 8, 8, 3), np.uint8)
    scores = draws.dirichlet((1.0, 1.0), 60).astype(np.float32)
    made = reference(frames, scores, ("cat", "dog"))
    assert made == reference(frames, scores, ("cat", "dog"))
    assert made.calibration is not None
    assert set(made.calibration.thresholds) == {*made.histograms(), "classes", "layout"}
