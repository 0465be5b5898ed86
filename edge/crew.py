"""Interpreters of one model that answer side by side, each on a thread's back: what `edge/station.py` gives frames to.

A file of its own, because a device with one interpreter should not pay 6 ms of its start for importing thread pools.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue

from contract.result import Result
from edge.frames import Frame
from edge.model import LoadedModel
from edge.pipeline import run_frame


class Crew:
    """One thread for each of `members`."""

    def __init__(self, members: Sequence[LoadedModel], *, wake: Callable[[], None]) -> None:
        """`wake` is called, on any thread, whenever an answer is there."""
        self._wake = wake
        self._threads = ThreadPoolExecutor(len(members), "inference")
        self._free: SimpleQueue[LoadedModel] = SimpleQueue()
        for member in members:
            self._free.put(member)

    def give(self, frame: Frame) -> Future[Result]:
        """The answer to come, by whichever member is free."""
        answer = self._threads.submit(self._answer, frame)
        answer.add_done_callback(lambda _: self._wake())
        return answer

    def close(self) -> None:
        """End the threads, after the frames in hand."""
        self._threads.shutdown(wait=True)

    def _answer(self, frame: Frame) -> Result:
        member = self._free.get()
        try:
            return run_frame(frame, member)
        finally:
            self._free.put(member)
