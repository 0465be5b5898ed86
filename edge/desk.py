"""Several cameras, one model: whose frame is next.

The camera that was served longest ago goes first, so that each gets its turn however fast the others are; one that may
not be served yet (its pace, or its model is busy) is passed over.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from edge.capture import Capture
from edge.frames import Frame
from edge.pace import Pace


class Seat:
    """One capture at the desk, how often it may be served, and whether its model has a hand free."""

    def __init__(self, capture: Capture, pace: Pace, free: Callable[[], bool] | None = None) -> None:
        """Without `free` it always has."""
        self.capture, self.pace, self.free = capture, pace, free


class Desk:
    """Where the runtime takes frames from. `changed` is the condition its captures share, `lock` the lock it uses."""

    def __init__(self, changed: threading.Condition, lock: threading.RLock, seats: Sequence[Seat]) -> None:
        self._changed, self._lock, self._seats = changed, lock, list(seats)
        self._turns = list(range(len(self._seats)))
        self._stopping = False

    def take(self, until: float, *, or_when: Callable[[], bool] | None = None) -> tuple[int, Frame] | None:
        """The next frame and the number of its seat.

        None when there was none until `until` (`time.monotonic()`), every source is over, `or_when` became true or
        somebody called `quit`.
        """
        # The lock itself, because a condition's own `with` is two Python functions around it.
        with self._lock:
            while True:
                now = time.monotonic()
                soonest = until
                for turn in self._turns:
                    seat = self._seats[turn]
                    if seat.capture.ready and (seat.free is None or seat.free()):
                        due = seat.pace.due
                        if due <= now:
                            return self._served(turn, seat, now)
                        soonest = min(soonest, due)
                if self._stopping or now >= until or (or_when is not None and or_when()) or self._all_over():
                    return None
                self._changed.wait(soonest - now)

    def _served(self, turn: int, seat: Seat, now: float) -> tuple[int, Frame]:
        seat.pace.taken(now)
        if len(self._turns) > 1:
            self._turns.remove(turn)
            self._turns.append(turn)
        return turn, seat.capture.pop()

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

    def _all_over(self) -> bool:
        return all(seat.capture.over for seat in self._seats)
