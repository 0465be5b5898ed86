"""Where a canary stands among control."""

from __future__ import annotations

import numpy as np
import pytest

from fleet.judging.ranks import devices_above


def above(control: list[float], canaries: list[float], lots: float = 0.5) -> list[int]:
    drawn = np.linspace(0.1, 0.9, len(control))
    found = devices_above(np.array(control), drawn, np.array(canaries), np.full(len(canaries), lots))
    return [int(count) for count in found]


def test_control_above_each_canary_is_counted() -> None:
    assert above([1.0, 2.0, 3.0, 4.0], [9.0, 2.5, -9.0]) == [0, 2, 4]


def test_ties_are_put_in_order_by_lot() -> None:
    assert [above([0.0] * 5, [0.0], lot) for lot in (0.0, 0.25, 0.6, 1.0)] == [[5], [4], [2], [0]]


def test_without_control_nobody_is_above() -> None:
    assert above([], [7.0]) == [0]


@pytest.mark.parametrize("heavy", [False, True])
def test_a_canary_like_control_stands_in_every_gap_equally_often(heavy: bool) -> None:
    chance, counts = np.random.default_rng(7), np.zeros(11)
    for _ in range(5500):
        drawn = chance.standard_t(1.5, 11) if heavy else chance.poisson(0.5, 11).astype(float)
        counts[devices_above(drawn[:10], chance.random(10), drawn[10:], chance.random(1))] += 1
    # 500 each expected; five standard deviations.
    assert np.all(np.abs(counts - 500) < 110)
