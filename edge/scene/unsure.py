"""Which answers are worth a person's label: those the model is unsure about, or gives while its pictures have drifted.

A rule, and how many an hour.
"""

from __future__ import annotations

from contract.result import Result

MARGIN = 0.1
"""Between the first two classes; one decides within it by less than a labeller would."""
SURE = 0.5
"""A detection, or a class without a rival, under this score is a guess."""
_HOUR_S = 3600.0


def unsure(result: Result) -> bool:
    """Whether this answer is hardly more than a guess."""
    if isinstance(result.classes, tuple):
        scores = sorted((found.score for found in result.classes), reverse=True)
        return scores[0] - scores[1] < MARGIN if len(scores) > 1 else bool(scores) and scores[0] < SURE
    if isinstance(result.detections, tuple):
        return any(found.score < SURE for found in result.detections)
    return False


class Allowance:
    """So many an hour, saved up for one hour at most, so that an odd day does not fill the disk."""

    def __init__(self, per_hour: int) -> None:
        self._per_hour = per_hour
        self._left = float(per_hour)
        self._since_s: float | None = None

    def take(self, now_s: float) -> bool:
        """Whether one more may be kept at `now_s`, seconds of any clock; if so it is counted."""
        if self._since_s is not None:
            earned = max(now_s - self._since_s, 0.0) / _HOUR_S * self._per_hour
            self._left = min(self._left + earned, self._per_hour)
        self._since_s = now_s
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class Spread:
    """So many an hour, evenly: while everything looks alike, one picture after another says little."""

    def __init__(self, per_hour: int) -> None:
        self._every_s = _HOUR_S / per_hour
        self._taken_s: float | None = None

    def take(self, now_s: float) -> bool:
        """Whether one is due at `now_s`, seconds of any clock; if so it is counted."""
        if self._taken_s is not None and 0.0 <= now_s - self._taken_s < self._every_s:
            return False
        self._taken_s = now_s
        return True
