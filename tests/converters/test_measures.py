"""Distances between numbers whose right values can be worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from converters.measures import centred_correlation, relative_error, sqnr_db

SIGNAL = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)


def test_noise_is_told_in_decibels() -> None:
    assert sqnr_db(SIGNAL, SIGNAL + np.float32(0.5)) == pytest.approx(10 * math.log10(30 / 1.0))
    assert sqnr_db(SIGNAL, SIGNAL) == math.inf
    assert sqnr_db(np.zeros(3), np.ones(3)) == -math.inf


def test_a_constant_offset_does_not_fool_the_correlation_and_nothing_hides_behind_one() -> None:
    noise = np.random.default_rng(0).normal(size=1000)
    signal = 100 + np.random.default_rng(1).normal(size=1000)
    assert abs(centred_correlation(signal, 100 + noise)) < 0.1
    assert centred_correlation(SIGNAL, SIGNAL * 3 + 7) == pytest.approx(1.0)
    assert centred_correlation(SIGNAL, -SIGNAL) == pytest.approx(-1.0)


def test_where_one_never_changes_nothing_correlates() -> None:
    assert centred_correlation(SIGNAL, np.full_like(SIGNAL, 2)) == 0
    assert centred_correlation(np.ones(4), np.full(4, 5.0)) == 1


def test_the_error_is_told_by_the_largest_value() -> None:
    assert relative_error(SIGNAL, SIGNAL + np.array([[0, 0], [0, 0.4]], np.float32)) == pytest.approx(0.1)
    assert relative_error(np.zeros(2), np.array([0, 0.25])) == 0.25
    assert math.isnan(relative_error(SIGNAL, SIGNAL * np.nan))
