"""The drift reference: histograms in which every value has a bin."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.reference import BINS, histogram, reference


def test_bins_are_about_equally_filled_and_reach_the_ends() -> None:
    values = np.random.default_rng(0).beta(2, 5, 1000)
    made = histogram(values, lowest=0.0, highest=1.0)
    assert (made.edges[0], made.edges[-1]) == (0.0, 1.0)
    assert len(made.counts) == BINS
    assert sum(made.counts) == 1000
    assert max(made.counts) - min(made.counts) <= 2


def test_equal_values_need_fewer_bins_and_are_all_counted() -> None:
    made = histogram(np.ones(50), lowest=0.0, highest=1.0)
    assert made.edges == (0.0, 1.0)
    assert made.counts == (50,)


def test_a_score_a_hair_over_one_is_counted() -> None:
    assert sum(histogram(np.array([0.2, 1.0 + 1e-7]), lowest=0.0, highest=1.0).counts) == 2


def test_the_reference_describes_pictures_and_answers() -> None:
    frames = np.zeros((4, 2, 2, 1), np.uint8)
    frames[2:] = 255
    scores = np.array([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.2, 0.8]], np.float32)
    made = reference(frames, scores, ("cat", "dog"))
    assert made.pictures == 4
    assert made.classes == pytest.approx({"cat": 0.75, "dog": 0.25})
    assert sum(made.brightness.counts) == sum(made.contrast.counts) == sum(made.confidence.counts) == 4
