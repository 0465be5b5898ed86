"""Several cameras, one model: whose frame is next.

The camera that was served longest ago goes first, so that each gets its turn however fast the others are; one that may
not be served yet (its pace, or its model is busy) is passed over.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from contract.errors import SourceError
from edge.capture import Capture
from edge.frames import Frame
from edge.pace import Pace


class Seat:
    """One capture at the desk, how often it may be served, and whether its model has a hand free."""

    def __init__(self, capture: Capture, pace: Pace, free: Callable[[], bool]) -> None:
        self.capture, self.pace, self.free = capture, pace, free


class Desk:
    """Where the runtime takes frames from. `changed` is the condition its captures share."""

    def __init__(self, changed: threading.Condition, seats: Sequence[Seat]) -> None:
        self._changed, self._seats = changed, list(seats)
        self._turns = list(range(len(self._seats)))
        self._stopping = False

    def take(self, timeout_s: float, *, or_when: Callable[[], bool] = lambda: False) -> tuple[int, Frame] | None:
        """The next frame and the number of its seat.

        None when there was none within `timeout_s`, every source is over, `or_when` became true or somebody called
        `stop`.
        """
        until = time.monotonic() + timeout_s
        with self._changed:
            while True:
                now = time.monotonic()
                turn, wait_s = self._next(now)
                if turn is not None:
                    return turn, self._serve(turn, now)
                if self._stopping or now >= until or or_when() or self._all_over():
                    return None
                self._changed.wait(min(wait_s, until - now))

    def over(self) -> bool:
        """Whether every frame was taken and none will come."""
        with self._changed:
            return self._all_over()

    def raise_failure(self) -> None:
        """SourceError when a source failed on the way; RuntimeError when a reader died of a bug."""
        for seat in self._seats:
            if (problem := seat.capture.failure) is not None:
                raise problem

    def quit(self) -> None:
        """End every wait, and reading too. From any thread, and from a signal handler."""
        self._stopping = True
        for seat in self._seats:
            seat.capture.quit()

    def start(self) -> None:
        """Begin to read every source."""
        for seat in self._seats:
            seat.capture.start()

    def stop(self) -> None:
        """Stop reading, account for what still waits, and close every source."""
        self.quit()
        for seat in self._seats:
            seat.capture.stop()

    def _next(self, now: float) -> tuple[int | None, float]:
        """The seat to serve, or None and how long until one may be."""
        soonest_s = float("inf")
        for turn in self._turns:
            seat = self._seats[turn]
            if seat.capture.ready and seat.free():
                early_s = seat.pace.wait_s(now)
                if early_s <= 0:
                    return turn, 0.0
                soonest_s = min(soonest_s, early_s)
        return None, soonest_s

    def _serve(self, turn: int, now: float) -> Frame:
        self._turns.remove(turn)
        self._turns.append(turn)
        seat = self._seats[turn]
        seat.pace.taken(now)
        return seat.capture.pop()

    def _all_over(self) -> bool:
        return all(seat.capture.over for seat in self._seats)
