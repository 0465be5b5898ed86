"""A process in waiting: there before it is needed, not when there is no room, and never a dead one."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator

import psutil
import pytest

from edge.vision.process import VisionProcess
from edge.vision.spare import Spare

PATIENT = (sys.executable, "-c", "import os, sys; os.read(int(sys.argv[1]), 1)")


@pytest.fixture
def spare() -> Iterator[Spare]:
    made = Spare(PATIENT)
    yield made
    made.close()


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children()}


def test_one_is_started_and_handed_over(spare: Spare) -> None:
    before = children()
    spare.warm()
    spare.warm()
    (waiting,) = children() - before
    taken = spare.take()
    assert (taken.pid, taken.alive) == (waiting, True)
    taken.kill()


def test_one_that_has_died_is_not_handed_over(spare: Spare) -> None:
    before = children()
    spare.warm()
    (waiting,) = children() - before
    os.kill(waiting, signal.SIGKILL)
    psutil.Process(waiting).wait()
    taken = spare.take()
    assert taken.alive
    assert taken.pid != waiting
    taken.kill()


def test_without_one_a_new_process_is_taken(spare: Spare) -> None:
    taken = spare.take()
    assert isinstance(taken, VisionProcess)
    taken.kill()


def test_closing_ends_it(spare: Spare) -> None:
    before = children()
    spare.warm()
    spare.close()
    assert children() == before


def test_where_memory_is_short_there_is_none() -> None:
    before = children()
    poor = Spare(PATIENT, room_bytes=1 << 60)
    poor.warm()
    assert children() == before
