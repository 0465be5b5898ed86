"""Whether a new model does on this device what the fleet asked of it: numbers, limits, and one pure verdict.

Only frames the new model was asked about count. A damaged picture says nothing about a model, so it neither helps nor
harms; a camera that sends nothing else ends in `silence`.
"""

from __future__ import annotations

import math
import threading
from typing import NamedTuple

from msgspec import UNSET

from contract.errors import DamagedFrameError, UpdateError
from contract.messages import Limits
from contract.result import Result
from contract.states import Cause

_DAMAGED = DamagedFrameError("", where="", fix="").cause


class Numbers(NamedTuple):
    """What the first frames of a model came to."""

    frames: int
    """With and without an answer."""
    errors: int
    """Without one."""
    mean_confidence: float | None
    """Of the first answers, 0..1; None when no frame showed anything."""
    latency_p95_ms: float | None


class Verdict(NamedTuple):
    """The end of a health window: healthy, or the cause why not."""

    cause: Cause | None
    detail: str


def verdict(numbers: Numbers, limits: Limits, *, time_is_up: bool) -> Verdict | None:
    """None while more frames are to come and there is time."""
    if numbers.frames < limits.health_frames and not time_is_up:
        return None
    share = numbers.errors / numbers.frames if numbers.frames else 0.0
    if share > limits.max_error_share:
        return Verdict("errors", f"{numbers.errors} of {numbers.frames} frames without an answer")
    if numbers.frames < limits.health_frames:
        return Verdict(
            "silence", f"{numbers.frames} of {limits.health_frames} frames came within {limits.health_s:g} s"
        )
    if limits.min_mean_confidence > (numbers.mean_confidence or 0.0):
        seen = "nothing seen" if numbers.mean_confidence is None else f"mean confidence {numbers.mean_confidence:.3f}"
        return Verdict("confidence", f"{seen}, at least {limits.min_mean_confidence:g} asked")
    p95_ms, allowed_ms = numbers.latency_p95_ms, limits.max_latency_p95_ms
    if p95_ms is not None and allowed_ms is not None and p95_ms > allowed_ms:
        return Verdict("latency", f"p95 {p95_ms:.1f} ms, at most {allowed_ms:g} ms asked")
    return Verdict(None, f"{numbers.frames} frames, {numbers.errors} without an answer")


class UnhealthyError(UpdateError):
    """A new model that broke a limit on this device."""

    def __init__(self, found: Verdict, *, where: str) -> None:
        assert found.cause is not None
        super().__init__(found.detail, where=where, fix="Mend the model, or its limits, and assign it again.")
        self.broken: Cause = found.cause


class HealthWindow:
    """Collects the numbers of one model, known by its digest, from the runtime's results."""

    def __init__(self, digest: str) -> None:
        self._digest = digest
        self._confidences: list[float] = []
        self._latencies_ms: list[float] = []
        self._errors = 0
        self._changed = threading.Condition()

    def observe(self, result: Result) -> None:
        """Count one result, if it is this model's. Called by the runtime's thread."""
        if result.digest != self._digest:
            return
        with self._changed:
            if result.error is not UNSET:
                self._errors += result.error.cause != _DAMAGED
            else:
                self._count_answer(result)
            self._changed.notify_all()

    def wait(self, timeout_s: float) -> Numbers:
        """The numbers after the next result, or after `timeout_s`."""
        with self._changed:
            self._changed.wait(timeout_s)
            return self.numbers()

    def numbers(self) -> Numbers:
        """As they stand."""
        shown, times = self._confidences, sorted(self._latencies_ms)
        return Numbers(
            frames=len(times) + self._errors,
            errors=self._errors,
            mean_confidence=sum(shown) / len(shown) if shown else None,
            latency_p95_ms=times[math.ceil(0.95 * len(times)) - 1] if times else None,
        )

    def _count_answer(self, result: Result) -> None:
        times = result.latency_ms
        self._latencies_ms.append(0.0 if times is UNSET else times.preprocess + times.invoke + times.postprocess)
        found = result.classes if result.classes is not UNSET else result.detections
        if found is not UNSET and found:
            self._confidences.append(found[0].score)
