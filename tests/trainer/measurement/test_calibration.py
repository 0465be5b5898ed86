"""Scores as probabilities, against distributions whose calibration is known."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.measurement.calibration import (
    BINS,
    bins_of,
    described,
    fit_temperature,
    gap_by_chance,
    probabilities,
    scaled,
)
from trainer.measurement.measures import Ranged
from trainer.measurement.weighted import calibration_gap


def calibrated(pictures: int, classes: int = 5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, and truth drawn by them."""
    draws = np.random.default_rng(seed)
    shares = draws.dirichlet(np.full(classes, 0.4), pictures)
    shares = probabilities(shares)
    truth = (shares.cumsum(axis=1) > draws.random((pictures, 1))).argmax(axis=1)
    return shares, truth


def gap(shares: np.ndarray, truth: np.ndarray) -> float:
    sureness = shares.max(axis=1)
    right = (shares.argmax(axis=1) == truth).astype(np.float64)
    return float(calibration_gap(bins_of(sureness), sureness, right)(np.ones((1, len(truth))))[0])


def test_perfectly_calibrated_scores_have_no_gap_but_chances() -> None:
    shares, truth = calibrated(40_000)
    assert gap(shares, truth) < 0.01
    few, their_truth = calibrated(100)
    sureness = few.max(axis=1)
    expected = gap_by_chance(bins_of(sureness), sureness, seed=0)
    assert 0.05 < expected.mean < expected.high < 0.25
    assert gap(few, their_truth) < expected.high
    assert expected.widened(Ranged(value=expected.mean, low=0.03, high=0.2)).low == 0.0
    assert expected.widened(Ranged(value=0.3, low=0.2, high=0.4)).low == 0.2


@pytest.mark.parametrize("planted", [0.5, 1.0, 1.7, 3.0])
def test_a_planted_temperature_is_found_and_mends_the_gap(planted: float) -> None:
    shares, truth = calibrated(10_000, seed=2)
    spoilt = scaled(shares, 1.0 / planted)  # too sure by that factor
    found = fit_temperature(spoilt, truth)
    assert found == pytest.approx(planted, rel=0.04)
    mended = scaled(spoilt, found)
    assert gap(mended, truth) < 0.015
    assert (mended.argmax(axis=1) == spoilt.argmax(axis=1)).all()


def test_validation_without_a_mistake_asks_for_no_infinite_sureness() -> None:
    truth = np.arange(40) % 4
    shares = probabilities(0.7 * np.eye(4)[truth] + 0.1)
    found = fit_temperature(shares, truth)
    assert 0.1 < found < 1.0
    assert scaled(shares, found).max() < 0.999


def test_the_gap_by_hand() -> None:
    shares = np.array([[0.8, 0.2], [0.8, 0.2], [0.6, 0.4], [0.6, 0.4]])
    truth = np.array([0, 1, 0, 0])
    assert gap(shares, truth) == pytest.approx((abs(0.5 - 0.8) * 2 + abs(1.0 - 0.6) * 2) / 4)
    bins = described(bins_of(shares.max(axis=1)), shares.max(axis=1), np.array([1.0, 0.0, 1.0, 1.0]))
    assert [(one.pictures, one.right) for one in bins] == [(2, 1.0), (2, 0.5)]


def test_bins_hold_equally_many_pictures_and_equal_scores_stay_together() -> None:
    sureness = np.random.default_rng(0).random(1500)
    assert np.bincount(bins_of(sureness)).tolist() == [100] * BINS
    assert len(np.unique(bins_of(np.full(50, 0.9)))) == 1


def test_rows_of_int8_scores_become_probabilities() -> None:
    found = probabilities(np.array([[0.99609375, 0.0, 0.0], [0.5, 0.5, 0.5]], np.float32))
    assert found.sum(axis=1) == pytest.approx([1.0, 1.0])
    assert found.min() > 0.0
    assert found[1] == pytest.approx([1 / 3] * 3)
