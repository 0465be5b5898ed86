"""At most so many a second, evenly: when the next frame may be taken."""

from __future__ import annotations


class Pace:
    """A beat of `max_per_s`; None for no limit. Times are `time.monotonic()` seconds."""

    def __init__(self, max_per_s: float | None) -> None:
        self._wanted_per_s = max_per_s
        self._period_s = _period_s(max_per_s)
        self.due = 0.0
        """When the next frame may be taken; what is past means at once."""

    def limit(self, max_per_s: float | None) -> None:
        """Go no faster than `max_per_s` either, until told otherwise; None for the beat one was made with."""
        limits = [per_s for per_s in (self._wanted_per_s, max_per_s) if per_s]
        self._period_s = _period_s(min(limits, default=None))

    def taken(self, now: float) -> None:
        """A frame was taken: the next beat follows the last one, unless that is past already."""
        self.due = max(self.due + self._period_s, now)


def _period_s(per_s: float | None) -> float:
    return 1.0 / per_s if per_s else 0.0
