from __future__ import annotations

import pytest

from edge.pace import Pace


def test_without_a_limit_there_is_never_a_wait() -> None:
    pace = Pace(None)
    pace.taken(100.0)
    assert pace.due <= 100.0


def test_the_beat_does_not_drift_with_the_time_a_frame_takes() -> None:
    pace = Pace(10)
    taken = []
    now = 100.0
    for _ in range(5):
        now += max(0.0, pace.due - now) + 0.001
        pace.taken(now)
        taken.append(now)
    # Each frame is 1 ms late in turn; the sum of five is not.
    assert taken[-1] - taken[0] < 0.4 + 0.002


def test_a_pause_is_not_made_up_for_by_a_burst() -> None:
    pace = Pace(10)
    pace.taken(100.0)
    pace.taken(105.0)
    pace.taken(105.01)
    assert pace.due - 105.01 > 0.08


def test_a_limit_slows_the_beat_down_and_never_quickens_it() -> None:
    pace = Pace(10.0)
    pace.limit(2.0)
    pace.taken(100.0)
    pace.taken(100.0)
    assert pace.due == pytest.approx(100.5)
    pace.limit(100.0)
    pace.taken(101.0)
    pace.taken(101.0)
    assert pace.due == pytest.approx(101.1)
    pace.limit(None)
    pace.taken(102.0)
    pace.taken(102.0)
    assert pace.due == pytest.approx(102.1)
