"""The fit on times that are known to be sums, and on one that is not."""

from __future__ import annotations

import numpy as np
import pytest

from devices.cost.fit import fit

WORK = np.array([[1.0, 10, 0], [1, 0, 5], [1, 20, 8], [1, 3, 40], [1, 50, 2]])


def test_speeds_that_made_the_times_are_found_again() -> None:
    costs = np.array([2.0, 0.3, 0.05])
    found = fit(list(WORK), list(WORK @ costs))
    assert found.costs == pytest.approx(costs, rel=1e-6)
    assert found.error_share == pytest.approx(0, abs=1e-6)
    assert found.within == len(WORK)


def test_no_speed_is_negative() -> None:
    times = WORK @ np.array([2.0, 0.3, 0.0]) - 0.02 * WORK[:, 2]
    assert (fit(list(WORK), list(times)).costs >= 0).all()


def test_the_error_is_that_of_what_was_left_out() -> None:
    work = [np.array([amount]) for amount in (1.0, 1.0, 1.0, 2.0)]
    found = fit(work, [1.0, 1.0, 1.0, 4.0])
    assert found.errors is not None
    assert found.errors[3] == pytest.approx(-0.5)
    assert found.error_share == pytest.approx(0.5)


def test_one_network_tells_nothing_of_the_error() -> None:
    assert fit([np.array([4.0])], [2.0]).error_share is None
