"""Readings of one device to one window, and two windows to how it changed: pure, larger is worse.

Each device is its own baseline, so a slow camera or a dark corner counts for nothing; what changes for everybody, like
the light of the day, is taken off by control later (difference in differences).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from statistics import fmean
from typing import NamedTuple

from msgspec import Struct

LEAST_READINGS = 3
LEAST_ANSWERS = 30
"""Fewer first answers say nothing about how they spread over labels."""


class _Percentile(Struct, frozen=True, gc=False):
    p95: float | None = None


class _Ledger(Struct, frozen=True, gc=False):
    captured: int = 0
    damaged: int = 0


class _Lamps(Struct, frozen=True, gc=False):
    input_changed: bool = False
    model_suffering: bool = False


class Said(Struct, frozen=True):
    """What is read of a stored reading; the rest of `contract.messages.Telemetry` is skipped."""

    digest: str
    frames_per_s: float | None = None
    latency_ms: dict[str, _Percentile] = {}
    mean_confidence: float | None = None
    classes: dict[str, int] = {}
    ledger: _Ledger = _Ledger()
    drift: dict[str, _Lamps] = {}
    restarts: dict[str, int] = {}
    accuracy: float | None = None
    agreement: float | None = None


class Window(NamedTuple):
    """One device over one span of time; what it did not tell is NaN."""

    readings: int
    log_latency: float
    """Mean of the natural logarithms of p95 in milliseconds."""
    confidence: float
    rate: float
    classes: dict[str, int]
    lamps: float
    """Share of drift windows."""
    restarts: float
    """An hour."""
    errors: float
    accuracy: float
    agreement: float


def window(readings: Sequence[Said], span_s: float) -> Window | None:
    """Of readings of one model in the order of time, `span_s` from the first to the last; they may be a sample.

    None where they are too few; what is no number is left out.
    """
    if len(readings) < LEAST_READINGS:
        return None
    totals = (said.latency_ms["total"].p95 for said in readings if "total" in said.latency_ms)
    lamps = [lamp.input_changed or lamp.model_suffering for said in readings for lamp in said.drift.values()]
    classes: dict[str, int] = {}
    for said in readings:
        for label, count in said.classes.items():
            classes[label] = classes.get(label, 0) + count
    captured = _growth(readings, lambda said: said.ledger.captured)
    return Window(
        readings=len(readings),
        log_latency=_mean(math.log(ms) for ms in _usable(totals) if ms > 0),
        confidence=_mean(_usable(said.mean_confidence for said in readings)),
        rate=_mean(_usable(said.frames_per_s for said in readings)),
        classes=classes,
        lamps=_mean(map(float, lamps)),
        restarts=_over(_growth(readings, lambda said: sum(said.restarts.values())), span_s / 3600),
        errors=_over(_growth(readings, lambda said: said.ledger.damaged), captured),
        accuracy=_mean(_usable(said.accuracy for said in readings)),
        agreement=_mean(_usable(said.agreement for said in readings)),
    )


def changes(before: Window, after: Window) -> dict[str, float]:
    """How much worse each metric became, by the names of `metrics.METRICS`; NaN where either side is missing."""
    return {
        "latency": after.log_latency - before.log_latency,
        "confidence": before.confidence - after.confidence,
        "answers": _moved(before.classes, after.classes),
        "drift": after.lamps - before.lamps,
        "restarts": after.restarts - before.restarts,
        "rate": 1.0 - after.rate / before.rate if before.rate > 0 else math.nan,
        "errors": after.errors - before.errors,
        "accuracy": before.accuracy - after.accuracy,
        "agreement": before.agreement - after.agreement,
    }


def _moved(before: dict[str, int], after: dict[str, int]) -> float:
    """Total variation distance of two counts of labels."""
    old, new = sum(before.values()), sum(after.values())
    if min(old, new) < LEAST_ANSWERS:
        return math.nan
    return 0.5 * sum(abs(before.get(name, 0) / old - after.get(name, 0) / new) for name in before.keys() | after.keys())


def _growth(readings: Sequence[Said], count: Callable[[Said], int]) -> float:
    """Of a counter that begins anew whenever the model is loaded."""
    numbers = [count(said) for said in readings]
    return float(sum(new - old if new >= old else new for old, new in pairwise(numbers)))


def _usable(values: Iterable[float | None]) -> Iterable[float]:
    return (value for value in values if value is not None and math.isfinite(value))


def _mean(values: Iterable[float]) -> float:
    kept = list(values)
    return fmean(kept) if kept else math.nan


def _over(part: float, whole: float) -> float:
    return part / whole if whole > 0 else math.nan
