from __future__ import annotations

import time
from contextlib import suppress
from itertools import pairwise, repeat

import pytest

from contract.errors import ConfigError, SourceError
from edge.frames import Frame
from edge.sources import Source
from edge.sources.reconnecting import ReconnectingSource
from tests.edge.scripted_source import ScriptedSource


class Camera:
    """Gives the scripted sources one after the other, with failures to open between them."""

    def __init__(self, *turns: Source | Exception) -> None:
        self._turns = list(turns)

    def __call__(self) -> Source:
        turn = self._turns.pop(0)
        if isinstance(turn, Exception):
            raise turn
        return turn


def gone() -> SourceError:
    return SourceError("there is no such camera", where="/dev/video0", fix="Plug it in.")


def read(source: ReconnectingSource) -> Frame | None:
    """The next frame, however long it is away."""
    for _ in range(500):
        with suppress(TimeoutError):
            return source.read(0.05)
    raise AssertionError("it never came back")


def test_a_source_that_fails_is_opened_anew_and_its_frames_go_on_counting() -> None:
    first, second = ScriptedSource(["red", "red", "fail"]), ScriptedSource(["blue"])
    source = ReconnectingSource(Camera(first, gone(), gone(), second))
    source.name = "door"
    frames = [read(source) for _ in range(3)]
    assert [(frame.index, frame.source) for frame in frames if frame] == [(0, "door"), (1, "door"), (2, "door")]
    assert (source.outages, source.reopened) == (1, 1)
    assert "no such camera" in (source.last_error or "")
    assert first.closed
    source.close()
    assert second.closed


def test_the_end_of_a_source_is_the_end() -> None:
    source = ReconnectingSource(Camera(ScriptedSource(["red"])))
    assert read(source) is not None
    assert source.read(1.0) is None


def test_before_the_first_frame_a_failure_is_said_unless_one_is_patient() -> None:
    with pytest.raises(SourceError, match="no such camera"):
        ReconnectingSource(Camera(gone()))
    with pytest.raises(SourceError, match="the cable was pulled"):
        ReconnectingSource(Camera(ScriptedSource(["fail"]))).read(1.0)
    patient = ReconnectingSource(Camera(gone(), ScriptedSource(["fail"]), ScriptedSource(["red"])), patient=True)
    assert read(patient) is not None
    assert patient.outages == 1


def test_what_can_never_work_is_said_even_to_the_patient() -> None:
    wrong = ConfigError("this is not an address", where="http://", fix="Correct it.")
    with pytest.raises(ConfigError):
        ReconnectingSource(Camera(wrong), patient=True)


def test_a_source_that_hangs_is_closed_and_opened_anew() -> None:
    hanging, good = ScriptedSource(repeat("red"), live=True, gated=True), ScriptedSource(["blue"])
    source = ReconnectingSource(Camera(hanging, good), stall_s=0.2)
    hanging.let(12)
    for _ in range(12):
        assert read(source) is not None
    frame = read(source)
    assert frame is not None
    assert frame.index == 12
    assert hanging.closed
    assert "no frame came" in (source.last_error or "")


def test_attempts_come_more_slowly_but_within_a_second_of_the_return() -> None:
    opened: list[float] = []

    def opening() -> Source:
        opened.append(time.monotonic())
        raise gone()

    source = ReconnectingSource(opening, patient=True)
    until = time.monotonic() + 2.5
    while time.monotonic() < until:
        with pytest.raises(TimeoutError):
            source.read(0.05)
    pauses = [after - before for before, after in pairwise(opened)]
    assert 5 <= len(pauses) <= 15
    assert pauses[0] < pauses[-1]
