"""Distances: known values, one without change, and nothing that is not a number."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from edge.drift.distances import hotelling, ordered, psi, unordered

SHARES = np.array([0.05, 0.15, 0.2, 0.25, 0.2, 0.1, 0.05])


def test_psi_is_the_sum_everybody_knows() -> None:
    window, reference = np.array([10, 30]), np.array([500, 500])
    p, q = np.array([10.5, 30.5]) / 41, np.array([0.5, 0.5])
    assert psi(window, reference) == pytest.approx(sum((a - b) * math.log(a / b) for a, b in zip(p, q, strict=True)))


def test_chi_square_is_that_of_scipy() -> None:
    window, reference = np.array([12, 20, 18]), np.array([100, 150, 250])
    expected = chi2_contingency([window, reference], correction=False)
    assert unordered(window, reference) == pytest.approx(expected.statistic / expected.dof)


def test_two_bins_that_have_an_order_are_a_chi_square_of_two_cells() -> None:
    window, reference = np.array([12, 38]), np.array([100, 150])
    assert ordered(window, reference) == pytest.approx(unordered(window, reference))


@pytest.mark.parametrize("distance", [ordered, unordered])
def test_without_a_change_every_distance_is_about_one(distance: object) -> None:
    draws = np.random.default_rng(0)
    windows, references = draws.multinomial(50, SHARES, 4000), draws.multinomial(300, SHARES, 4000)
    assert callable(distance)
    assert distance(windows, references).mean() == pytest.approx(1.0, abs=0.08)


def test_the_layouts_distance_is_about_one_as_well() -> None:
    draws = np.random.default_rng(0)
    found = [
        hotelling(draws.normal(5.0, 2.0, (50, 3)).sum(axis=0), 50, np.full(3, 5.0), np.eye(3) / 4, 10**9)
        for _ in range(2000)
    ]
    assert np.mean(found) == pytest.approx(1.0, abs=0.08)


@pytest.mark.parametrize("distance", [ordered, unordered])
@pytest.mark.parametrize(
    ("window", "reference"), [([50], [300]), ([50, 0, 0], [300, 0, 0]), ([0, 50], [300, 0]), ([1, 0], [0, 1])]
)
def test_empty_bins_leave_numbers(distance: object, window: list[int], reference: list[int]) -> None:
    assert callable(distance)
    assert 0.0 <= float(distance(np.array(window), np.array(reference))) < math.inf
    assert math.isfinite(float(psi(np.array(window), np.array(reference))))
