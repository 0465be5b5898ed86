"""Whether a new model does on this device what the fleet asked of it: numbers, limits, and two pure verdicts.

One verdict is on the shadow run, where the new model answers live frames beside the one that serves; the other on the
health window, where it serves. Only frames the new model was asked about count. A damaged picture says nothing about a
model, so it neither helps nor harms; a camera that sends nothing else ends in `silence`.
"""

from __future__ import annotations

import math
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


class Comparison(NamedTuple):
    """What the first frames of a shadow run came to, so far."""

    numbers: Numbers
    """Of the new model."""
    agreement: float | None
    """Mean over the frames that both models answered, 0..1; None when there was none."""
    serving_p95_ms: float | None
    """Of the serving model on the same frames."""
    memory_bytes: int | None
    """Of the new model's process; None where it has none of its own."""


class Verdict(NamedTuple):
    """The end of a window: healthy, or the cause why not."""

    cause: Cause | None
    detail: str


def verdict(numbers: Numbers, limits: Limits, *, time_is_up: bool) -> Verdict | None:
    """None while more frames are to come and there is time."""
    if numbers.frames < limits.health_frames and not time_is_up:
        return None
    return _broken(numbers, limits, wanted=limits.health_frames, within_s=limits.health_s) or Verdict(
        None, f"{numbers.frames} frames, {numbers.errors} without an answer"
    )


def shadow_verdict(seen: Comparison, limits: Limits, *, time_is_up: bool) -> Verdict | None:
    """The same for a shadow run."""
    numbers = seen.numbers
    if numbers.frames < limits.shadow_frames and not time_is_up:
        return None
    broken = _broken(numbers, limits, wanted=limits.shadow_frames, within_s=limits.shadow_s)
    if broken is not None:
        return broken
    if seen.agreement is not None and seen.agreement < limits.min_agreement:
        return Verdict("agreement", f"agreement {seen.agreement:.3f}, at least {limits.min_agreement:g} asked")
    p95_ms, beside_ms, ratio = numbers.latency_p95_ms, seen.serving_p95_ms, limits.max_latency_ratio
    if ratio is not None and p95_ms and beside_ms and p95_ms > ratio * beside_ms:
        return Verdict("latency", f"p95 {p95_ms / beside_ms:.2f} times the serving model's, at most {ratio:g} asked")
    mib = (seen.memory_bytes or 0) / (1 << 20)
    if limits.max_memory_mib is not None and mib > limits.max_memory_mib:
        return Verdict("memory", f"{mib:.0f} MiB, at most {limits.max_memory_mib} asked")
    agreed = "" if seen.agreement is None else f", agreement {seen.agreement:.3f}"
    return Verdict(None, f"{numbers.frames} frames beside the serving model{agreed}")


def _broken(numbers: Numbers, limits: Limits, *, wanted: int, within_s: float) -> Verdict | None:
    """The first limit of those that count in both windows that does not hold, once a window is over."""
    share = numbers.errors / numbers.frames if numbers.frames else 0.0
    if share > limits.max_error_share:
        return Verdict("errors", f"{numbers.errors} of {numbers.frames} frames without an answer")
    if numbers.frames < wanted:
        return Verdict("silence", f"{numbers.frames} of {wanted} frames came within {within_s:g} s")
    if limits.min_mean_confidence > (numbers.mean_confidence or 0.0):
        seen = "nothing seen" if numbers.mean_confidence is None else f"mean confidence {numbers.mean_confidence:.3f}"
        return Verdict("confidence", f"{seen}, at least {limits.min_mean_confidence:g} asked")
    p95_ms, allowed_ms = numbers.latency_p95_ms, limits.max_latency_p95_ms
    if p95_ms is not None and allowed_ms is not None and p95_ms > allowed_ms:
        return Verdict("latency", f"p95 {p95_ms:.1f} ms, at most {allowed_ms:g} ms asked")
    return None


class UnhealthyError(UpdateError):
    """A new model that broke a limit on this device."""

    def __init__(self, found: Verdict, *, where: str) -> None:
        assert found.cause is not None
        super().__init__(found.detail, where=where, fix="Mend the model, or its limits, and assign it again.")
        self.broken: Cause = found.cause


class Tally:
    """The numbers of one model, from its results one by one. Not for two threads."""

    def __init__(self) -> None:
        self._confidences: list[float] = []
        self._latencies_ms: list[float] = []
        self._errors = 0

    def add(self, result: Result) -> None:
        """Count one result."""
        if result.error is not UNSET:
            self._errors += result.error.cause != _DAMAGED
            return
        times = result.latency_ms
        self._latencies_ms.append(0.0 if times is UNSET else times.preprocess + times.invoke + times.postprocess)
        found = result.classes if result.classes is not UNSET else result.detections
        if found is not UNSET and found:
            self._confidences.append(found[0].score)

    def numbers(self) -> Numbers:
        """As they stand."""
        shown = self._confidences
        return Numbers(
            frames=len(self._latencies_ms) + self._errors,
            errors=self._errors,
            mean_confidence=sum(shown) / len(shown) if shown else None,
            latency_p95_ms=p95(self._latencies_ms),
        )


def p95(values: list[float]) -> float | None:
    """By nearest rank; None for no values."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1] if values else None
