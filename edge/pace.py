"""At most so many a second, evenly: when the next frame may be taken."""

from __future__ import annotations


class Pace:
    """A beat of `max_per_s`; None for no limit. Times are `time.monotonic()` seconds."""

    def __init__(self, max_per_s: float | None) -> None:
        self._period_s = 1.0 / max_per_s if max_per_s else 0.0
        self._due = 0.0

    def wait_s(self, now: float) -> float:
        """Seconds until the next frame may be taken; 0 or less for at once."""
        return self._due - now

    def taken(self, now: float) -> None:
        """A frame was taken: the next beat follows the last one, unless that is past already."""
        self._due = max(self._due + self._period_s, now)
