"""How long an update may still take: until its deadline, and never beyond the agent's own end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from contract.errors import UpdateError
from contract.moments import rfc3339


class DeadlineError(UpdateError):
    """The time the assignment allows is over."""


class StoppingError(Exception):
    """The agent is asked to stop. Not an outcome: the update goes on, or is undone, after the next start."""


class Deadline:
    """A moment by the wall clock, which is the fleet's clock, and an event that ends all waiting."""

    def __init__(self, at_unix_s: float, stop: threading.Event, *, clock: Callable[[], float] = time.time) -> None:
        self._at_unix_s, self._stop, self._clock = at_unix_s, stop, clock

    def left_s(self) -> float:
        """Seconds until the deadline; negative once it has passed."""
        return self._at_unix_s - self._clock()

    def check(self) -> None:
        """Return while there is time; DeadlineError or StoppingError otherwise."""
        if self._stop.is_set():
            raise StoppingError
        if self.left_s() <= 0:
            raise DeadlineError(
                "the time allowed is over",
                where=f"deadline {rfc3339(self._at_unix_s)}",
                fix="Assign it again with a later deadline; check the device's clock.",
            )

    def pause(self, seconds: float) -> None:
        """Wait, but not beyond the deadline; then `check`."""
        self._stop.wait(max(0.0, min(seconds, self.left_s())))
        self.check()
