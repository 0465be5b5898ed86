"""What a few seconds of frames come to: percentiles, rates and counts, ready to be sent.

Numbering, keeping and sending are `edge/reporter.py`'s matter.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Collection, Sequence

from msgspec import UNSET, Struct

from contract.drift import Drift
from contract.messages import FrameLedger, Percentiles, Telemetry
from contract.moments import rfc3339
from contract.result import Result, StageTimes
from edge.memory import resident_bytes
from edge.thermal import temperature_c

TOTAL = "total"
_REMEMBERED = 10_000
"""Percentiles are of a window's last so many answers, so that memory does not grow with its length."""
AGE = "age"
"""The frame's, when the model began to look at it."""


class Window(Struct, frozen=True, kw_only=True):
    """One closed telemetry window of one model."""

    ended_at: float
    """Seconds since 1970, UTC."""
    window_s: float
    model: str
    digest: str
    ledger: FrameLedger
    """Since this model was loaded, not of the window alone."""
    frames_per_s: float
    latency_ms: dict[str, Percentiles]
    classes: dict[str, int]
    mean_confidence: float | None
    rss_bytes: int
    temperature_c: float | None
    throttled: bool | None = None
    under_voltage: bool | None = None
    drift: dict[str, Drift] = {}
    restarts: dict[str, int] = {}
    outages: dict[str, int] = {}
    left: dict[str, int] = {}
    fallback: str = ""
    next_s: float | None = None
    """The next one is sent within this time; None for one window's length."""

    def telemetry(self, sequence: int, *, outbox_waiting: int, outbox_lost: int) -> Telemetry:
        """The message that carries it."""
        return Telemetry(
            sequence=sequence,
            at=rfc3339(self.ended_at),
            window_s=self.window_s,
            model=self.model,
            digest=self.digest,
            ledger=self.ledger,
            frames_per_s=self.frames_per_s,
            latency_ms=self.latency_ms,
            classes=self.classes,
            mean_confidence=self.mean_confidence,
            rss_bytes=self.rss_bytes,
            temperature_c=self.temperature_c,
            throttled=self.throttled,
            under_voltage=self.under_voltage,
            drift=self.drift,
            restarts=self.restarts,
            outages=self.outages,
            left=self.left,
            fallback=self.fallback,
            next_s=self.next_s,
            outbox_waiting=outbox_waiting,
            outbox_lost=outbox_lost,
        )


class Meter:
    """Collects the results of one window. Not for two threads."""

    def __init__(self) -> None:
        self._frames = 0
        self._times: deque[StageTimes] = deque(maxlen=_REMEMBERED)
        self._ages_ms: deque[float] = deque(maxlen=_REMEMBERED)
        self._classes: Counter[str] = Counter()
        self._confidence_sum = 0.0

    def add(self, result: Result) -> None:
        """Count one answer; a result without one leaves no trace here, the ledger has it."""
        if result.latency_ms is UNSET:
            return
        self._frames += 1
        self._times.append(result.latency_ms)
        if result.age_ms is not UNSET:
            self._ages_ms.append(result.age_ms)
        answers = result.classes or result.detections
        if answers:
            self._classes[answers[0].label] += 1
            self._confidence_sum += answers[0].score

    def close(self, *, ended_at: float, window_s: float, model: str, digest: str, ledger: FrameLedger) -> Window:
        """The window of everything added so far."""
        shown = self._classes.total()
        return Window(
            ended_at=ended_at,
            window_s=window_s,
            model=model,
            digest=digest,
            ledger=ledger,
            frames_per_s=self._frames / window_s if window_s > 0 else 0.0,
            latency_ms=stage_percentiles(self._times, self._ages_ms),
            classes=dict(self._classes),
            mean_confidence=self._confidence_sum / shown if shown else None,
            rss_bytes=resident_bytes(),
            temperature_c=temperature_c(),
        )


def stage_percentiles(times: Collection[StageTimes], ages_ms: Collection[float] = ()) -> dict[str, Percentiles]:
    """By stage, in total, and of the frames' ages, in milliseconds; empty for no frames."""
    if not times:
        return {}
    stages = {name: [getattr(one, name) for one in times] for name in StageTimes.__struct_fields__}
    stages[TOTAL] = [sum(parts) for parts in zip(*stages.values(), strict=True)]
    if ages_ms:
        stages[AGE] = list(ages_ms)
    return {name: percentiles(values) for name, values in stages.items()}


def percentiles(values: Sequence[float]) -> Percentiles:
    """By nearest rank: each is a value that occurred."""
    ordered = sorted(values)
    p50, p95, p99 = (ordered[math.ceil(share * len(ordered)) - 1] for share in (0.50, 0.95, 0.99))
    return Percentiles(p50=p50, p95=p95, p99=p99)
