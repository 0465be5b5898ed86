"""What was sent and is not acknowledged yet, and when to send it again: a policy without a socket or a clock.

Order is kept: batches go out oldest first, at most `window` of them ahead of the collector's word. When that word
does not come, nobody may be collecting, and sending a backlog again and again would only cost traffic: then just the
oldest message is sent once in a while (a probe), later and later, while everything else goes out once for whoever
listens at the broker. The first acknowledgement after such a silence starts again from the oldest message that
waits; the collector ignores what it has seen.
"""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple


class Place(NamedTuple):
    """Where a message stands in an outbox: everything up to it comes before what follows."""

    boot: str
    sequence: int


class Flight:
    """Batches in the air of one connection. Times are seconds of any clock that does not jump."""

    def __init__(self, *, window: int = 8, wait_s: float = 5.0, longest_wait_s: float = 300.0) -> None:
        self._window, self._first_wait_s, self._longest_wait_s = window, wait_s, longest_wait_s
        self.restart()

    def restart(self) -> None:
        """A new connection, or a collector that is back: everything that waits is to be sent, oldest first."""
        self.cursor: Place | None = None
        """The last message sent; what follows it is next."""
        self._flying: deque[Place] = deque()
        self._wait_s = self._first_wait_s
        self._probe_at = math.inf
        self._silent = False

    def may_send(self) -> bool:
        """Whether the next batch may go out now."""
        return self._silent or len(self._flying) < self._window

    def sent(self, last: Place, now: float) -> None:
        """A batch ending at `last` was handed to the broker."""
        self.cursor = last
        if not self._flying:
            self._probe_at = now + self._wait_s
        if not self._silent:
            self._flying.append(last)

    def acknowledged(self, acknowledged: Place, now: float) -> None:
        """The collector has everything of that boot up to there."""
        if self._silent:
            self.restart()
            return
        held = [p for p in self._flying if p.boot != acknowledged.boot or p.sequence > acknowledged.sequence]
        self._flying = deque(held)
        self._wait_s = self._first_wait_s
        self._probe_at = now + self._wait_s if held else math.inf

    def probe_due(self, now: float) -> bool:
        """Whether the oldest message is to be sent again; asking counts as sending it, and the next is due later."""
        if now < self._probe_at:
            return False
        self._silent = True
        self._flying.clear()
        self._wait_s = min(self._wait_s * 2, self._longest_wait_s)
        self._probe_at = now + self._wait_s
        return True

    def pause_s(self, now: float) -> float:
        """How long until a probe may be due; infinity when nothing is in the air."""
        return max(0.0, self._probe_at - now)
