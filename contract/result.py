"""What the runtime says about one frame: the line `edgeferry run --results -` prints and the event MQTT carries."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType


class ClassScore(Struct, frozen=True, kw_only=True):
    """One class a picture may show."""

    index: int
    label: str
    score: float
    """0..1."""


class Detection(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing found in a picture."""

    index: int
    label: str
    score: float
    """0..1."""
    box_xyxy_px: tuple[float, float, float, float]
    """Left, top, right, bottom in pixels of the frame as captured."""
    track: int | None = None
    """Stays the same while the thing stays in view; None without a tracker."""


class StageTimes(Struct, frozen=True, kw_only=True):
    """Where the milliseconds of one frame went."""

    preprocess: float
    invoke: float
    postprocess: float


class FrameError(Struct, frozen=True, kw_only=True):
    """Why a frame has no answer."""

    cause: str
    where: str
    fix: str


class Result(Struct, frozen=True, kw_only=True):
    """One frame's answer. Only the fields of the model's task appear, or `error` alone."""

    source: str
    """The picture's file name, or what the camera is called."""
    frame: int
    """Counts from 0 in each source."""
    captured_at: str
    """UTC, RFC 3339 with milliseconds."""
    model: str
    """`NAME@VERSION`."""
    digest: str
    """Of the bundle's file."""
    size_wh: tuple[int, int] | UnsetType = UNSET
    latency_ms: StageTimes | UnsetType = UNSET
    classes: tuple[ClassScore, ...] | UnsetType = UNSET
    detections: tuple[Detection, ...] | UnsetType = UNSET
    error: FrameError | UnsetType = UNSET
