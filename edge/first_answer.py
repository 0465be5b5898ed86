"""What one frame's result says first: what changes are told by."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET

from contract.result import Result

EventPolicy = Literal["none", "changes", "all"]


def first_answer(result: Result) -> str | None:
    """The first label, None for nothing seen, `error: CAUSE` where there is no answer."""
    if result.error is not UNSET:
        return f"error: {result.error.cause}"
    found = result.classes if result.classes is not UNSET else result.detections
    return found[0].label if found is not UNSET and found else None


class WorthTelling:
    """Which of one device's results are sent one by one. Asked about each, in their order."""

    def __init__(self, policy: EventPolicy) -> None:
        self._policy = policy
        self._last: str | None = None

    def __call__(self, result: Result) -> bool:
        """Whether this one is."""
        answer = first_answer(result)
        changed, self._last = answer != self._last, answer
        return self._policy == "all" or (self._policy == "changes" and changed)
