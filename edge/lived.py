"""How long this device has been at work, in seconds that no clock can set: the time by which messages grow old.

Devices without a clock chip start in 1970, jump to now, and may be sent to 2099 by a broken time server. An age read
off such a clock would throw away a backlog that is minutes old. So the age counts what the monotonic clock of each
start measured, added up in the outbox's file. Time without power does not count: a device that was off for a year
still has what it had, and tells it. A message is therefore never given up too early, and at worst later than a
calendar would.
"""

from __future__ import annotations

import time
from collections.abc import Callable


class Lived:
    """Seconds at work, `before` this start included."""

    def __init__(self, before_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._before_s, self._clock = before_s, clock
        self._began_s = clock()

    def now_s(self) -> float:
        """Never less than at the last call."""
        return self._before_s + self._clock() - self._began_s
