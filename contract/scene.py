"""What one camera's view means, as a person writes it down: `scene.toml`.

Read strictly: an unknown key is an error with its line. Every place is a fraction of the frame, (0, 0) the top left
corner and (1, 1) the bottom right, so that another resolution changes nothing. What is done with it is `edge/scene/`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from contract.codec import from_toml
from contract.errors import ConfigError

Share = Annotated[float, Meta(ge=0, le=1)]
Seconds = Annotated[float, Meta(ge=0, le=86400)]
"""At most a day: what lasts longer is not one event."""
Point = tuple[Share, Share]
"""From the left, from the top."""
Polygon = Annotated[tuple[Point, ...], Meta(min_length=3, max_length=1000)]
"""Closed by itself; may cross itself, and is then inside by the even-odd rule."""
Name = Annotated[str, Meta(min_length=1, max_length=60)]
EventKind = Literal["appeared", "left", "entered-zone", "left-zone", "dwelled", "crossed"]
"""Of `contract.result.SceneEvent.kind`."""

_LEAST_AREA = 1e-6
"""Of the frame: about one pixel of a 1280x720 picture."""


class Labels(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which of the model's answers count here."""

    allow: tuple[str, ...] = ()
    """Only these; empty for all."""
    deny: tuple[str, ...] = ()
    """Never these, also where `allow` names them."""
    min_score: Share = 0.0
    """On top of the manifest's threshold, which it cannot lower."""


class Motion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The gate before the model: frames are answered only while something moves."""

    threshold_share: Annotated[float, Meta(gt=0, le=1)] = 0.002
    """Of the view outside the masks that must have changed; 0.002 of 1280x720 is a patch of 43 x 43 pixels."""
    keep_alive_s: Annotated[float, Meta(gt=0, le=86400)] = 5.0
    """A frame is answered at least this often, motion or not."""
    hold_s: Seconds = 2.0
    """The gate stays open so long after the last motion."""


class Mask(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the view nobody may see: blackened in whatever is stored or shown, and blind for motion."""

    polygon: Polygon


class Tracking(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How detections become things that stay the same from frame to frame."""

    lost_s: Annotated[float, Meta(gt=0, le=3600)] = 2.0
    """A thing not seen for so long has left."""
    min_hits: Annotated[int, Meta(ge=1, le=100)] = 3
    """A thing appears once it was seen on so many answered frames."""
    start_score: Share = 0.5
    """A weaker detection can prolong a track and not begin one."""
    min_iou: Annotated[float, Meta(gt=0, lt=1)] = 0.1
    """Least overlap of a detection with the place where its track is expected."""


class Zone(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An area things enter, stay in and leave. A thing is where the middle of its box's lower edge is."""

    name: Name
    polygon: Polygon
    labels: tuple[str, ...] = ()
    """Only these; empty for all."""
    dwell_s: Annotated[float, Meta(gt=0, le=86400)] | None = None
    """Say `dwelled` once a thing has been inside for so long; None for never."""
    inertia_frames: Annotated[int, Meta(ge=1, le=100)] = 3
    """A thing has come in, or gone, once it was there on so many answered frames in a row."""


class Line(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line things cross, counted in each direction: `in` from its left to its right, looking from `from` to `to`."""

    name: Name
    begin: Point = field(name="from")
    end: Point = field(name="to")
    labels: tuple[str, ...] = ()
    """Only these; empty for all."""
    margin: Annotated[float, Meta(ge=0, le=0.5)] = 0.01
    """A crossing counts once the thing is further than this from the line, so that trembling on it counts nothing."""


class Keep(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is stored on the device when something happens. Without this section no picture is ever stored."""

    folder: str = "kept"
    """Relative to the file."""
    snapshots: bool = True
    clips: bool = True
    pre_roll_s: Annotated[float, Meta(ge=0, le=60)] = 3.0
    post_roll_s: Annotated[float, Meta(ge=0, le=60)] = 3.0
    frames_per_s: Annotated[float, Meta(gt=0, le=60)] = 5.0
    """Of clips."""
    max_mib: Annotated[int, Meta(ge=1)] = 256
    """All that is kept of one source; the oldest is deleted first."""
    pre_roll_mib: Annotated[int, Meta(ge=1)] = 32
    """Memory for the seconds before an event."""
    on: tuple[EventKind, ...] = ("entered-zone", "crossed", "dwelled")
    unsure_per_hour: Annotated[int, Meta(ge=0, le=3600)] = 0
    """Pictures the model is unsure about, kept for a person's label; a snapshot each, whatever happened."""
    drifted_per_hour: Annotated[int, Meta(ge=0, le=3600)] = 0
    """Pictures kept while a drift lamp is lit, spread over the hour: what the model met that it was not made for."""


class Scene(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of `scene.toml`; an empty one changes nothing."""

    labels: Labels = Labels()
    motion: Motion | None = None
    masks: tuple[Mask, ...] = field(name="mask", default=())
    tracking: Tracking | None = None
    zones: tuple[Zone, ...] = field(name="zone", default=())
    lines: tuple[Line, ...] = field(name="line", default=())
    keep: Keep | None = None

    @property
    def tracks(self) -> Tracking | None:
        """How to track; also where nobody wrote it down and zones, lines or keeping need it."""
        if self.tracking is None and (self.zones or self.lines or self.keep):
            return Tracking()
        return self.tracking


def parse_scene(data: bytes, *, where: str) -> Scene:
    """The scene in `data`, or ConfigError naming the key and its line, or the zone, line or mask."""
    scene = from_toml(data, Scene, where=where, error=ConfigError)
    for what, fix in _problems(scene):
        raise ConfigError(what, where=where, fix=fix)
    return scene


def _problems(scene: Scene) -> Iterator[tuple[str, str]]:
    """What the types cannot say, as (what, fix)."""
    for polygon, name in [(mask.polygon, f"mask {n}") for n, mask in enumerate(scene.masks, 1)] + [
        (zone.polygon, f"zone {zone.name!r}") for zone in scene.zones
    ]:
        if _in_a_row(polygon):
            yield f"the polygon of {name} covers nothing", "Give at least three corners, as fractions of the frame."
    for line in scene.lines:
        if line.begin == line.end:
            yield f"line {line.name!r} has no length", "Give two different points, as fractions of the frame."
    names = [zone.name for zone in scene.zones] + [line.name for line in scene.lines]
    for name in names:
        if names.count(name) > 1:
            yield f"two zones or lines are called {name!r}", "Give each its own name: events tell them apart by it."
    if scene.keep is not None:
        yield from _problems_of_keeping(scene.keep, scene)


def _problems_of_keeping(keep: Keep, scene: Scene) -> Iterator[tuple[str, str]]:
    possible = {"appeared", "left"}
    if scene.zones:
        possible |= {"entered-zone", "left-zone"}
    if any(zone.dwell_s is not None for zone in scene.zones):
        possible.add("dwelled")
    if scene.lines:
        possible.add("crossed")
    if not possible & set(keep.on) and not keep.unsure_per_hour and not keep.drifted_per_hour:
        yield (
            f"nothing would ever be kept: none of {', '.join(keep.on) or 'no events'} can happen in this scene",
            "Add a zone or a line, name other events in keep.on, or set unsure_per_hour or drifted_per_hour.",
        )
    if not keep.snapshots and not keep.clips:
        yield "[keep] keeps neither snapshots nor clips", "Ask for one of them, or remove the section."


def _in_a_row(polygon: Polygon) -> bool:
    """Whether every corner lies on one straight line, so that nothing is inside."""
    (ax, ay), *rest = polygon
    bx, by = max(rest, key=lambda corner: abs(corner[0] - ax) + abs(corner[1] - ay))
    return all(abs((bx - ax) * (y - ay) - (by - ay) * (x - ax)) < _LEAST_AREA for x, y in rest)
