"""Readings summed up: over a minute or an hour, of one device or of all devices of a profile and model.

Everything is a whole number in a small unit (milliseconds, thousandths of a degree, millionths of confidence), so that
sums do not depend on the order in which readings come.
"""

from __future__ import annotations

import math

import msgspec
from msgspec import Struct

from contract.messages import Telemetry
from fleet.keeping.histogram import Histogram
from fleet.keeping.tallies import MOST, Counts

LABELS = 500
"""So many names of classes, causes and stages are told apart; what comes beyond counts as `other`."""
OTHER = "other"


class Summary(Struct, array_like=True):
    """What is known of some windows together. New fields go to the end: old rows then lack them."""

    readings: int = 0
    window_ms: int = 0
    """All windows' lengths."""
    frames: int = 0
    """Inferred within these windows."""
    captured: int = 0
    inferred: int = 0
    gated: int = 0
    damaged: int = 0
    dropped: Counts = {}
    restarts: Counts = {}
    classes: Counts = {}
    latency: dict[str, Histogram] = {}
    """By stage."""
    confident: int = 0
    """Answers with a confidence."""
    confidence_u: int = 0
    """Their confidences, in millionths."""
    warmths: int = 0
    """Readings with a temperature."""
    warmth_m: int = 0
    """Their temperatures, in thousandths of a degree Celsius."""
    coldest_m: int | None = None
    warmest_m: int | None = None
    drift_windows: int = 0
    """Closed windows of pictures."""
    input_changed: int = 0
    """Those that lit this lamp."""
    model_suffering: int = 0

    def add(self, other: Summary) -> None:
        """Everything in `other` as well; `other` stays as it is."""
        self.add_plain(other)
        for stage, histogram in other.latency.items():
            self.latency.setdefault(known(stage, self.latency), Histogram()).add(histogram)

    def add_plain(self, other: Summary) -> None:
        """Everything but the latencies. Written out, for this runs thousands of times for one chart."""
        self.readings += other.readings
        self.window_ms += other.window_ms
        self.frames += other.frames
        self.captured += other.captured
        self.inferred += other.inferred
        self.gated += other.gated
        self.damaged += other.damaged
        self.confident += other.confident
        self.confidence_u += other.confidence_u
        self.warmths += other.warmths
        self.warmth_m += other.warmth_m
        self.drift_windows += other.drift_windows
        self.input_changed += other.input_changed
        self.model_suffering += other.model_suffering
        add_counts(self.dropped, other.dropped)
        add_counts(self.restarts, other.restarts)
        add_counts(self.classes, other.classes)
        self.coldest_m = _least(self.coldest_m, other.coldest_m)
        self.warmest_m = _most(self.warmest_m, other.warmest_m)

    def count(self, counts: Counts) -> None:
        """Add a share of counters, which may be negative."""
        for name, number in counts.items():
            kind, _, cause = name.partition(".")
            if cause or kind in ("dropped", "restarts"):
                add_counts(getattr(self, kind), {cause: number})
            else:
                setattr(self, kind, getattr(self, kind) + number)

    def read(self, reading: Telemetry) -> None:
        """Add a reading's window: everything but its counters and its latency."""
        self.readings += 1
        self.window_ms += round(_within(reading.window_s, 0, 1e7) * 1000)
        self.frames += frames_of(reading)
        add_counts(self.classes, reading.classes)
        if reading.mean_confidence is not None:
            answers = min(sum(reading.classes.values()), MOST) or frames_of(reading)
            self.confident += answers
            self.confidence_u += answers * round(_within(reading.mean_confidence, 0, 1) * 1_000_000)
        if reading.temperature_c is not None:
            warmth = round(_within(reading.temperature_c, -1000, 1000) * 1000)
            self.warmths, self.warmth_m = self.warmths + 1, self.warmth_m + warmth
            self.coldest_m, self.warmest_m = _least(self.coldest_m, warmth), _most(self.warmest_m, warmth)
        for drift in reading.drift.values():
            self.drift_windows += 1
            self.input_changed += drift.input_changed
            self.model_suffering += drift.model_suffering


_DECODER = msgspec.msgpack.Decoder(Summary)
_ENCODER = msgspec.msgpack.Encoder()


def to_body(summary: Summary) -> bytes:
    """As it stands in the store."""
    return _ENCODER.encode(summary)


def from_body(body: bytes) -> Summary:
    """As it stood in the store."""
    return _DECODER.decode(body)


class _Light(Summary, array_like=True):
    """A summary whose histograms are not decoded: they are most of its bytes."""

    latency: dict[str, msgspec.Raw] = {}  # type: ignore[assignment]


_LIGHT = msgspec.msgpack.Decoder(_Light)
_HISTOGRAM = msgspec.msgpack.Decoder(Histogram)


def without_others(body: bytes, stage: str) -> Summary:
    """A summary with the latency of `stage` alone."""
    light = _LIGHT.decode(body)
    raw = light.latency.get(stage)
    light.latency = {} if raw is None else {stage: _HISTOGRAM.decode(raw)}  # type: ignore[dict-item]
    return light


def latency_of(body: bytes, stage: str) -> Histogram | None:
    """That latency, and nothing else."""
    raw = _LIGHT.decode(body).latency.get(stage)
    return None if raw is None else _HISTOGRAM.decode(raw)


def frames_of(reading: Telemetry) -> int:
    """Inferred frames of the reading's window."""
    return round(_within(reading.frames_per_s * _within(reading.window_s, 0, 1e7), 0, 1e9))


def known(name: str, names: dict[str, object] | Counts | dict[str, Histogram]) -> str:
    """`name`, or OTHER where there are too many names already: a device must not make a row grow without end."""
    return name if name in names or len(names) < LABELS else OTHER


def add_counts(counts: Counts, more: Counts) -> None:
    """Sum by name."""
    for name, number in more.items():
        if name not in counts:
            name = known(name, counts)
            counts.setdefault(name, 0)
        counts[name] += number if number < MOST else MOST


def _within(value: float, least: float, most: float) -> float:
    return min(max(value, least), most) if math.isfinite(value) else least


def _least(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else min(one, other)


def _most(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else max(one, other)
