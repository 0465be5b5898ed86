"""How long an update may take, by a clock that is handed in."""

from __future__ import annotations

import threading

import pytest

from edge.deadline import Deadline, DeadlineError, StoppingError


def test_there_is_time_until_there_is_none() -> None:
    now = [100.0]
    deadline = Deadline(110.0, threading.Event(), clock=lambda: now[0])
    deadline.check()
    assert deadline.left_s() == 10.0
    now[0] = 110.0
    with pytest.raises(DeadlineError, match=r"1970-01-01T00:01:50\.000Z"):
        deadline.check()


def test_waiting_ends_with_the_deadline_and_with_the_agent() -> None:
    with pytest.raises(DeadlineError):
        Deadline(0.0, threading.Event(), clock=lambda: 0.0).pause(3600.0)
    stop = threading.Event()
    stop.set()
    with pytest.raises(StoppingError):
        Deadline(1e12, stop).pause(3600.0)
