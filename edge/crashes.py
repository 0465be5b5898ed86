"""How often a child process had to be replaced, why, and when to stop trying."""

from __future__ import annotations

from collections import Counter, deque

MOST_REPLACEMENTS = 3
WITHIN_S = 60.0


class Crashes:
    """Counts by cause. `exhausted` once there were more than `most` within `within_s`, until forgiven."""

    def __init__(self, *, most: int = MOST_REPLACEMENTS, within_s: float = WITHIN_S) -> None:
        self._most, self._within_s = most, within_s
        self._recent: deque[float] = deque()
        self._counts: Counter[str] = Counter()
        self.exhausted = False

    @property
    def counts(self) -> dict[str, int]:
        """Since the start, by cause."""
        return dict(self._counts)

    def record(self, cause: str, now: float) -> None:
        """One more, at `now` by a clock that never goes back."""
        self._counts[cause] += 1
        self._recent.append(now)
        while now - self._recent[0] > self._within_s:
            self._recent.popleft()
        self.exhausted = self.exhausted or len(self._recent) > self._most

    def forgive(self) -> None:
        """Begin anew, because something else runs now; what was counted stays counted."""
        self._recent.clear()
        self.exhausted = False
