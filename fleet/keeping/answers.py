"""What the API says about longer times, and pages of long lists. Times are RFC 3339 in UTC."""

from __future__ import annotations

from fleet.answers import Latency, _Answer


class Point(_Answer):
    """Everything that happened in one stretch of time."""

    at: str
    """Its beginning."""
    seconds: float
    """Its length."""
    readings: int
    reporting: float
    """Devices that reported, on average."""
    frames_per_s: float
    """Inferred frames: of one device while it reported; of the fleet all devices together."""
    latency_ms: Latency | None
    """Of the stage asked for; null where nothing was inferred."""
    captured: int
    inferred: int
    gated: int
    damaged: int
    dropped: dict[str, int]
    """By cause."""
    temperature_c: float | None
    """Mean of the readings."""
    temperature_min_c: float | None
    temperature_max_c: float | None
    confidence: float | None
    """Mean of the first answers, 0..1."""
    drift_windows: int
    """Closed windows of pictures."""
    input_changed: int
    """Those that lit this lamp."""
    model_suffering: int
    """Those that lit this one."""
    classes: dict[str, int]
    """First answers by label."""
    restarts: dict[str, int]
    """Of the inference process, by cause."""


class Series(_Answer):
    """The last minutes in at most 600 points; stretches without a reading are left out."""

    device: str | None
    """Null for all devices together."""
    minutes: float
    stage: str
    """Whose latency it is."""
    seconds: float
    """Length of each point."""
    points: tuple[Point, ...]
    """Oldest first."""


class Share(_Answer):
    """The latency of one part of the fleet."""

    profile: str | None
    """Null where profiles are taken together."""
    model: str | None
    frames: int
    latency_ms: Latency


class Shares(_Answer):
    """Percentiles over many devices, merged from histograms whose buckets are 4 % wide."""

    minutes: float
    stage: str
    shares: tuple[Share, ...]


class Refused(_Answer):
    """Messages of one topic and cause that could not be read or stored."""

    topic: str
    cause: str
    messages: int
    first_at: str
    last_at: str
    detail: str
    sample: str
    """The latest payload's beginning; bytes that are no text are shown as �."""


class Quarantine(_Answer):
    """A page of it, the latest first."""

    total: int
    """Rows in all pages."""
    offset: int
    refused: tuple[Refused, ...]


class Kept(_Answer):
    """One event as it is stored."""

    boot: str
    sequence: int
    at: str
    received_at: str
    result: dict[str, object]
    """As `edgeferry run --results -` prints it."""


class Events(_Answer):
    """A page of one device's events, the latest first."""

    device: str
    offset: int
    more: bool
    """Whether there are older ones."""
    events: tuple[Kept, ...]
