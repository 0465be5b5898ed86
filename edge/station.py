"""One model at work: who answers the next frame, and what its telemetry window saw.

Usually one interpreter answers on the runtime's own thread. A team of several (`run --workers`) answers on threads of
its own, because inference libraries let go of Python meanwhile: two interpreters with one thread each did 61 frames a
second where one with two threads did 52. Answers come back in the order the frames were taken.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from contract.messages import FrameLedger
from contract.result import Result
from edge.frames import Frame
from edge.ledger import Ledger, since, total
from edge.model import LoadedModel
from edge.telemetry import Meter, Window

if TYPE_CHECKING:
    from concurrent.futures import Future

    from edge.crew import Crew

_WAITING_AT_MOST = 4
"""Answers a team member that is ahead may have waiting for a slower one's, each; then it pauses."""


class Station:
    """The frames of some cameras, answered by one model. Used by the runtime's thread, except `replace`."""

    def __init__(self, members: Sequence[LoadedModel], *, wake: Callable[[], None]) -> None:
        self._members = self._next = tuple(members)
        self._wake = wake
        self.serving = self._members[0]
        """Who answers; the first of a team."""
        self.changed = False
        """Whether `replace` was called since the last `change_model`."""
        self.alone = len(members) == 1
        """Whether frames are answered on the caller's thread."""
        self.meter = Meter()
        self.window_began = time.monotonic()
        self._ledgers: list[Ledger] = []
        self._underway: deque[tuple[int, Frame, Future[Result]]] = deque()
        self._crew = None if self.alone else self._new_crew()
        self._told = 0
        self._model_began = FrameLedger()

    @property
    def model(self) -> LoadedModel:
        """The one that answers the next frame."""
        return self._next[0]

    @property
    def ledger(self) -> FrameLedger:
        """Of all its cameras, whichever model answered."""
        return total(ledger.snapshot() for ledger in self._ledgers)

    @property
    def unused(self) -> bool:
        """Whether no camera comes here yet."""
        return not self._ledgers

    def opened(self, ledger: Ledger) -> None:
        """One more camera's frames come here."""
        self._ledgers.append(ledger)

    def replace(self, members: Sequence[LoadedModel]) -> None:
        """Let these answer from the very next frame on. From any thread; as many as there were."""
        if len(members) != len(self._members):
            raise ValueError(f"{len(members)} interpreters cannot take the places of {len(self._members)}")
        self._next, self.changed = tuple(members), True

    def change_model(self) -> None:
        """Let the new model begin; nothing may be under way."""
        self.changed = False
        self._members = self._next
        self.serving = self._members[0]
        self._model_began = self.ledger
        if self._crew is not None:
            self._crew.close()
            self._crew = self._new_crew()

    def free(self) -> bool:
        """Whether a frame given now would be begun at once."""
        busy = sum(not answer.done() for _, _, answer in self._underway)
        members = len(self._members)
        return busy < members and len(self._underway) < members * _WAITING_AT_MOST and not self.changed

    def give(self, lane: int, frame: Frame) -> None:
        """Have the crew answer; `done` hands the answer out."""
        assert self._crew is not None
        self._underway.append((lane, frame, self._crew.give(frame)))

    @property
    def underway(self) -> int:
        """Frames given and not handed out yet."""
        return len(self._underway)

    def first_done(self) -> bool:
        """Whether `done` would give something now."""
        return bool(self._underway) and self._underway[0][2].done()

    def done(self) -> tuple[int, Frame, Result]:
        """The oldest frame under way with its answer; waits for it."""
        lane, frame, answer = self._underway.popleft()
        return lane, frame, answer.result()

    def saw_something(self) -> bool:
        """Whether any frame's fate became known since the last window."""
        return self.ledger.captured != self._told

    def close_window(self) -> Window:
        """What came since the last one; it belongs to the model that serves."""
        now, ledger, meter = time.monotonic(), self.ledger, self.meter
        window_s, self.window_began = now - self.window_began, now
        self._told, self.meter = ledger.captured, Meter()
        return meter.close(
            ended_at=time.time(),
            window_s=window_s,
            model=self.serving.release,
            digest=self.serving.digest,
            ledger=since(ledger, self._model_began),
        )

    def close(self) -> None:
        """End the crew's threads, after the frames in hand."""
        if self._crew is not None:
            self._crew.close()

    def _new_crew(self) -> Crew:
        from edge.crew import Crew

        return Crew(self._members, wake=self._wake)
