from __future__ import annotations

import threading
import time
from collections import Counter
from itertools import repeat

import pytest

from contract.errors import SourceError
from edge.capture import Capture
from edge.desk import Desk, Seat
from edge.ledger import Ledger
from edge.pace import Pace
from tests.edge.scripted_source import ScriptedSource


def in_s(seconds: float) -> float:
    return time.monotonic() + seconds


def desk_of(*sources: ScriptedSource, per_s: float | None = None, free: bool = True) -> Desk:
    lock = threading.RLock()
    changed = threading.Condition(lock)
    desk = Desk(changed, lock, [Seat(Capture(one, Ledger(), changed), Pace(per_s), lambda: free) for one in sources])
    desk.start()
    return desk


def test_each_camera_gets_its_turn_however_fast_the_others_are() -> None:
    desk = desk_of(*(ScriptedSource(repeat("red")) for _ in range(3)))
    turns = []
    for _ in range(60):
        # All three wait whenever the desk is asked, because reading takes no time.
        time.sleep(0.002)
        taken = desk.take(in_s(20.0))
        assert taken is not None
        turns.append(taken[0])
    desk.stop()
    assert min(Counter(turns).values()) >= 15


def test_a_source_that_ends_leaves_the_others_their_turns_and_a_failure_is_told_last() -> None:
    desk = desk_of(ScriptedSource(["red", "fail"]), ScriptedSource(["red"] * 5))
    seen = Counter(taken[0] for taken in iter(lambda: desk.take(in_s(20.0)), None))
    assert seen == {0: 1, 1: 5}
    assert desk.over()
    with pytest.raises(SourceError, match="the cable was pulled"):
        desk.raise_failure()
    desk.stop()


def test_a_seat_whose_model_is_busy_is_passed_over() -> None:
    desk = desk_of(ScriptedSource(repeat("red")), free=False)
    assert desk.take(in_s(0.05)) is None
    assert not desk.over()
    desk.stop()


def test_a_pace_holds_frames_back() -> None:
    desk = desk_of(ScriptedSource(repeat("red")), per_s=20.0)
    began = time.monotonic()
    for _ in range(6):
        assert desk.take(in_s(20.0)) is not None
    desk.stop()
    # The first beat begins with the first frame: four whole ones lie between the second and the sixth.
    assert time.monotonic() - began >= 0.2


def test_waiting_ends_when_something_else_is_to_be_done_and_when_somebody_quits() -> None:
    desk = desk_of(ScriptedSource([], live=True, gated=True))
    assert desk.take(in_s(60.0), or_when=lambda: True) is None
    threading.Timer(0.05, desk.quit).start()
    assert desk.take(in_s(60.0)) is None
    desk.stop()
