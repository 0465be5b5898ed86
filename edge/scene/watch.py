"""The door for the runtime: one watch a source, asked before the model looks and told what it said.

Answers go in, the same answers with tracks and events come out. No clock of its own, no randomness, no disk: the same
frames and answers give the same events, to the byte.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import UNSET
from msgspec.structs import replace

from contract.result import Detection, Result, SceneEvent
from contract.scene import EventKind, Point, Scene
from edge.frames import Frame
from edge.scene.clock import SceneClock
from edge.scene.labels import counted
from edge.scene.lines import LineWatch
from edge.scene.masks import Masks
from edge.scene.motion import MotionGate
from edge.scene.tracking import ByteTracks
from edge.scene.tracks import Seen, Track, Tracks
from edge.scene.zones import Happened, ZoneWatch

_TIME_DIGITS = 3
_SCORE_DIGITS = 4
_PIXEL_DIGITS = 1
"""Events are rounded to milliseconds, tenths of pixels and four digits of score."""


class Watch:
    """What happens in one source's view, by one scene. `wants` and `look` are called on one thread."""

    def __init__(self, scene: Scene, source_name: str) -> None:
        """MissingPartError when the scene needs a tracker that is not installed."""
        self.masks = Masks([mask.polygon for mask in scene.masks])
        """The same for everything that stores or shows this source's pictures."""
        self._labels = scene.labels
        self._clock = SceneClock()
        self._gate = None if scene.motion is None else MotionGate(scene.motion, self.masks, source_name)
        tracking = scene.tracks
        self._tracks = None if tracking is None else Tracks(tracking, ByteTracks(tracking))
        self._zones = tuple(map(ZoneWatch, scene.zones))
        self._lines = tuple(map(LineWatch, scene.lines))

    def wants(self, frame: Frame) -> bool:
        """Whether the model should look at this frame; asked for every frame, in order."""
        at_s = self._clock.at_s(frame)
        return self._gate is None or self._gate.wants(frame, at_s)

    def look(self, frame: Frame, result: Result) -> Result:
        """The model's answer to `frame` as this scene counts it: labels left out, tracks and events added.

        An answer that is an error, and one without detections, has no events; an error leaves every track as it is.
        """
        if result.error is not UNSET:
            return result
        result = counted(result, self._labels)
        if self._tracks is None or result.detections is UNSET:
            return result
        at_s, size_wh = self._clock.at_s(frame), frame.size_wh
        seen = self._tracks.update(result.detections, size_wh, at_s)
        events = tuple(self._events(seen, size_wh, at_s))
        return replace(result, detections=seen.detections, events=events or UNSET)

    def _events(self, seen: Seen, size_wh: tuple[int, int], at_s: float) -> Iterator[SceneEvent]:
        """In this order: who appeared, what those in view did, in the file's order of zones and lines, who left."""
        for track in seen.appeared:
            yield _event("appeared", track, at_s)
        for track in seen.present:
            yield from self._moved(track, _anchor(track.last, size_wh), at_s)
        for track in seen.left:
            yield from self._left(track, at_s)

    def _moved(self, track: Track, anchor: Point, at_s: float) -> Iterator[SceneEvent]:
        number, label = track.number or 0, track.last.label
        for zone in self._zones:
            for happened in zone.sighted(number, label, anchor, at_s):
                yield _in_zone(zone, happened, track, at_s)
        for line in self._lines:
            crossing = line.sighted(number, label, anchor)
            if crossing is not None:
                crossed = _event("crossed", track, at_s, place=line.line.name)
                yield replace(crossed, direction=crossing.direction, count=crossing.count)

    def _left(self, track: Track, at_s: float) -> Iterator[SceneEvent]:
        number = track.number or 0
        for zone in self._zones:
            for happened in zone.gone(number, track.last_s):
                yield _in_zone(zone, happened, track, at_s)
        for line in self._lines:
            line.gone(number)
        yield _event("left", track, at_s, seconds=track.last_s - track.first_s)


def _anchor(detection: Detection, size_wh: tuple[int, int]) -> Point:
    """Where a thing stands: the middle of its box's lower edge, as fractions of the frame, within it."""
    left, _, right, bottom = detection.box_xyxy_px
    x, y = (left + right) / 2 / max(1, size_wh[0]), bottom / max(1, size_wh[1])
    return min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)


def _in_zone(zone: ZoneWatch, happened: Happened, track: Track, at_s: float) -> SceneEvent:
    event = _event(happened.kind, track, at_s, place=zone.zone.name, seconds=happened.seconds)
    return replace(event, count=happened.count)


def _event(kind: EventKind, track: Track, at_s: float, *, place: str = "", seconds: float | None = None) -> SceneEvent:
    last = track.last
    left, top, right, bottom = (round(float(edge), _PIXEL_DIGITS) for edge in last.box_xyxy_px)
    return SceneEvent(
        kind=kind,
        at_s=round(at_s, _TIME_DIGITS),
        track=track.number or 0,
        label=last.label,
        score=round(float(last.score), _SCORE_DIGITS),
        box_xyxy_px=(left, top, right, bottom),
        place=place,
        seconds=None if seconds is None else round(seconds, _TIME_DIGITS),
    )
