from __future__ import annotations

import pytest

from contract.intervals import share_interval


@pytest.mark.parametrize(
    ("share", "count", "low", "high"),
    [
        (0.5, 10, 0.2366, 0.7634),
        (1.0, 10, 0.7225, 1.0),
        (0.0, 10, 0.0, 0.2775),
        (0.0, 20, 0.0, 0.1611),
        (0.98, 500, 0.9635, 0.9891),
    ],
)
def test_the_interval_of_a_share_is_wilsons(share: float, count: int, low: float, high: float) -> None:
    assert share_interval(share, count) == pytest.approx((low, high), abs=1e-4)
