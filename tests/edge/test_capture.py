from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import repeat

import pytest

from contract.errors import SourceError
from edge.capture import Capture
from edge.frames import Frame
from edge.ledger import Ledger
from tests.edge.scripted_source import ScriptedSource


def all_of(capture: Capture) -> Iterator[Frame]:
    while not capture.over():
        if (frame := capture.take(1.0)) is not None:
            yield frame


def test_a_file_gives_every_frame_in_order_however_slow_the_reader() -> None:
    source, ledger = ScriptedSource(["red"] * 20), Ledger()
    capture = Capture(source, ledger)
    capture.start()
    indices = []
    for frame in all_of(capture):
        time.sleep(0.002)
        indices.append(frame.index)
    capture.stop()
    assert indices == list(range(20))
    assert ledger.snapshot().captured == 0, "what was taken is the taker's to count"
    assert source.closed


def test_a_camera_gives_its_latest_frame_and_counts_those_nobody_took() -> None:
    source, ledger = ScriptedSource(repeat("red"), live=True, gated=True), Ledger()
    capture = Capture(source, ledger)
    capture.start()
    source.let(5)
    while source.read_count < 5 or ledger.snapshot().dropped.get("stale", 0) < 4:
        time.sleep(0.001)
    frame = capture.take(1.0)
    assert frame is not None
    assert frame.index == 4
    capture.stop()
    assert ledger.snapshot().dropped == {"stale": 4}


def test_a_limit_keeps_a_file_from_being_read_further_than_asked() -> None:
    source, ledger = ScriptedSource(["red"] * 9), Ledger()
    capture = Capture(source, ledger, limit=3)
    capture.start()
    assert [frame.index for frame in all_of(capture)] == [0, 1, 2]
    capture.stop()
    assert source.read_count == 3


def test_stopping_accounts_for_frames_that_had_their_turn_to_come() -> None:
    source, ledger = ScriptedSource(repeat("red")), Ledger()
    capture = Capture(source, ledger)
    capture.start()
    assert capture.take(1.0) is not None
    while source.read_count < 3:
        time.sleep(0.001)
    capture.stop()
    assert ledger.snapshot().dropped == {"stopping": source.read_count - 1}


def test_frames_before_a_failure_are_given_then_the_failure() -> None:
    capture = Capture(ScriptedSource(["red", "fail"]), Ledger())
    capture.start()
    assert capture.take(1.0) is not None
    with pytest.raises(SourceError, match="the cable was pulled"):
        list(all_of(capture))
    capture.stop()


def test_waiting_ends_when_somebody_wakes_it() -> None:
    capture = Capture(ScriptedSource([], live=True, gated=True), Ledger())
    capture.start()
    capture.wake()
    capture.wait(60.0)
    assert capture.take(60.0) is None
    capture.stop()
