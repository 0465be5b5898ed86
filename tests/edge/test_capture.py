from __future__ import annotations

import threading
import time
from itertools import repeat

import pytest

from edge.capture import Capture, Policy
from edge.frames import Frame
from edge.ledger import Ledger
from tests.edge.scripted_source import ScriptedSource


class Taker:
    """Takes frames of one capture, as the desk does."""

    def __init__(
        self,
        source: ScriptedSource,
        ledger: Ledger | None = None,
        *,
        policy: Policy | None = None,
        limit: int | None = None,
    ) -> None:
        self._changed = threading.Condition(threading.RLock())
        self.capture = Capture(source, ledger or Ledger(), self._changed, policy=policy, limit=limit)
        self.capture.start()

    def take(self) -> Frame | None:
        """The next frame; None at the end."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.capture.ready or self.capture.over, timeout=20)
            return self.capture.pop() if self.capture.ready else None

    def all(self) -> list[int]:
        """The numbers of all frames until the end."""
        return [frame.index for frame in iter(self.take, None)]


def test_a_file_gives_every_frame_in_order_however_slow_the_reader() -> None:
    source, ledger = ScriptedSource(["red"] * 20), Ledger()
    taker = Taker(source, ledger)
    indices = []
    for frame in iter(taker.take, None):
        time.sleep(0.002)
        indices.append(frame.index)
    taker.capture.stop()
    assert indices == list(range(20))
    assert ledger.snapshot().captured == 0, "what was taken is the taker's to count"
    assert source.closed


def test_a_camera_gives_its_latest_frame_and_counts_those_nobody_took() -> None:
    source, ledger = ScriptedSource(repeat("red"), live=True, gated=True), Ledger()
    taker = Taker(source, ledger)
    source.let(5)
    while source.read_count < 5 or ledger.snapshot().dropped.get("stale", 0) < 4:
        time.sleep(0.001)
    frame = taker.take()
    assert frame is not None
    assert frame.index == 4
    taker.capture.stop()
    assert ledger.snapshot().dropped == {"stale": 4}


def test_the_policy_may_be_turned_round() -> None:
    every = Taker(ScriptedSource(["red"] * 9, live=True), policy="every")
    assert every.all() == list(range(9))
    ledger = Ledger()
    latest = Taker(ScriptedSource(["red"] * 9), ledger, policy="latest")
    while ledger.snapshot().dropped.get("stale", 0) < 8:
        time.sleep(0.001)
    assert latest.all() == [8]


def test_a_limit_keeps_a_file_from_being_read_further_than_asked() -> None:
    source = ScriptedSource(["red"] * 9)
    taker = Taker(source, limit=3)
    assert taker.all() == [0, 1, 2]
    taker.capture.stop()
    assert source.read_count == 3


def test_stopping_accounts_for_frames_that_had_their_turn_to_come() -> None:
    source, ledger = ScriptedSource(repeat("red")), Ledger()
    taker = Taker(source, ledger)
    assert taker.take() is not None
    while source.read_count < 3:
        time.sleep(0.001)
    taker.capture.stop()
    assert ledger.snapshot().dropped == {"stopping": source.read_count - 1}


def test_frames_before_a_failure_are_given_then_the_failure_is_known() -> None:
    taker = Taker(ScriptedSource(["red", "fail"]))
    assert taker.all() == [0]
    assert "the cable was pulled" in str(taker.capture.failure)


def test_a_reader_that_dies_of_a_bug_is_a_bug_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)

    class Broken(ScriptedSource):
        def read(self, timeout_s: float) -> Frame | None:
            raise ZeroDivisionError

    taker = Taker(Broken([]))
    assert taker.all() == []
    with pytest.raises(RuntimeError, match="the thread reading scripted died"):
        _ = taker.capture.failure
