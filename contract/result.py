"""What the runtime says about one frame: the line `edgeferry run --results -` prints and the event MQTT carries.

None of these can be part of a reference cycle, so the garbage collector need not know them (`gc=False`): thousands are
made a minute, and its rounds would fall between two frames.
"""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Struct, UnsetType


class ClassScore(Struct, frozen=True, kw_only=True, gc=False):
    """One class a picture may show."""

    index: int
    label: str
    score: float
    """0..1."""


class Detection(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One thing found in a picture."""

    index: int
    label: str
    score: float
    """0..1."""
    box_xyxy_px: tuple[float, float, float, float]
    """Left, top, right, bottom in pixels of the frame as captured."""
    track: int | None = None
    """Stays the same while the thing stays in view; None without a tracker."""


class Keypoint(Struct, frozen=True, kw_only=True, gc=False):
    """One named point of a body, hand or thing."""

    index: int
    label: str
    score: float
    """0..1."""
    at_xy_px: tuple[float, float]
    """In pixels of the frame as captured."""


class Segment(Struct, frozen=True, kw_only=True, gc=False):
    """One class of a picture cut up by what each pixel shows."""

    index: int
    label: str
    share: float
    """0..1 of the pixels the model looked at."""


class Value(Struct, frozen=True, kw_only=True, gc=False):
    """One number a model estimates: a regression's output, or an anomaly score."""

    name: str
    value: float
    unit: str = ""
    alarm: bool | None = None
    """Whether the value is beyond the manifest's limit; None without a limit."""


class SceneEvent(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Something that happened in the camera's view, told by tracks, zones and lines of `scene.toml`."""

    kind: Literal["appeared", "left", "entered-zone", "left-zone", "dwelled", "crossed"]
    at_s: float
    """Seconds since the source began: of the clip's own time for a file, so that a replay says the same."""
    track: int
    label: str
    score: float
    """0..1, of the detection it was seen by last."""
    box_xyxy_px: tuple[float, float, float, float]
    place: str = ""
    """The zone or line, for the kinds that have one."""
    direction: Literal["", "in", "out"] = ""
    """Of a crossing: `in` from the line's left to its right, looking from its first to its second point."""
    seconds: float | None = None
    """How long: in the zone for `dwelled` and `left-zone`, in view for `left`."""
    count: int | None = None
    """Of a crossing: how many went this way since the start; of a zone: how many are inside now."""
    snapshot: str = ""
    """File name of the picture kept with it, under the scene's folder."""


class StageTimes(Struct, frozen=True, kw_only=True, gc=False):
    """Where the milliseconds of one frame went."""

    preprocess: float
    invoke: float
    postprocess: float


class FrameError(Struct, frozen=True, kw_only=True, gc=False):
    """Why a frame has no answer."""

    cause: str
    where: str
    fix: str


class Result(Struct, frozen=True, kw_only=True, gc=False):
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
    age_ms: float | UnsetType = UNSET
    """From the moment of capture until the model began to look at the frame."""
    latency_ms: StageTimes | UnsetType = UNSET
    classes: tuple[ClassScore, ...] | UnsetType = UNSET
    detections: tuple[Detection, ...] | UnsetType = UNSET
    segments: tuple[Segment, ...] | UnsetType = UNSET
    keypoints: tuple[Keypoint, ...] | UnsetType = UNSET
    values: tuple[Value, ...] | UnsetType = UNSET
    events: tuple[SceneEvent, ...] | UnsetType = UNSET
    """What happened on this frame; absent when nothing did, or nobody watches."""
    error: FrameError | UnsetType = UNSET
