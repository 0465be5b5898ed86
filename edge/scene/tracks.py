"""The life of a track: seen often enough it appears and gets its number, not seen for long enough it has left."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from contract.result import Detection
from contract.scene import Tracking
from edge.scene.tracking import Associator


class Track(Struct):
    """One thing in view. Changes while it lives; frames are answered on one thread."""

    last: Detection
    first_s: float
    last_s: float
    hits: int = 1
    missed_s: float = 0.0
    number: int | None = None
    """From 1, in the order in which things appeared; None until it did."""


class Seen(Struct, frozen=True):
    """What one frame changed."""

    detections: tuple[Detection, ...]
    """As given, with `track` where the thing has appeared."""
    present: tuple[Track, ...]
    """The tracks of those detections, in their order."""
    appeared: tuple[Track, ...]
    left: tuple[Track, ...]
    """In the order of their numbers."""


class Tracks:
    """The things in one camera's view."""

    def __init__(self, tracking: Tracking, associator: Associator) -> None:
        self._tracking, self._associator = tracking, associator
        self._alive: dict[str, Track] = {}
        self._numbered = 0
        self._last_s: float | None = None
        self._watched_ns = 0

    def update(self, detections: Sequence[Detection], size_wh: tuple[int, int], at_s: float) -> Seen:
        """Take the detections of one answered frame of `size_wh` at `at_s`, which never goes back."""
        step_s = self._watched(at_s)
        names = self._associator.match(detections, size_wh, self._watched_ns)
        for alive in self._alive.values():
            alive.missed_s += step_s
        numbered, present, appeared = [], [], []
        for detection, name in zip(detections, names, strict=True):
            track = None if name is None else self._sighted(name, detection, at_s)
            if track is not None and track.number is None and track.hits >= self._tracking.min_hits:
                self._numbered += 1
                track.number = self._numbered
                appeared.append(track)
            if track is not None and track.number is not None:
                track.last = replace(detection, track=track.number)
                present.append(track)
                detection = track.last
            numbered.append(detection)
        return Seen(tuple(numbered), tuple(present), tuple(appeared), self._gone())

    def _watched(self, at_s: float) -> float:
        """How much longer the view was watched: the time since the last answer, and never half of `lost_s`.

        While the motion gate is closed nothing moves, and nothing that stands still may be lost for want of answers;
        nor is anything lost because one answer after a long pause did not show it.
        """
        passed_s = 0.0 if self._last_s is None else at_s - self._last_s
        self._last_s = at_s
        step_s = min(passed_s, self._tracking.lost_s / 2)
        self._watched_ns += round(step_s * 1e9)
        return step_s

    def _sighted(self, name: str, detection: Detection, at_s: float) -> Track:
        track = self._alive.get(name)
        if track is None:
            track = self._alive[name] = Track(last=detection, first_s=at_s, last_s=at_s)
            return track
        track.last, track.last_s, track.missed_s = detection, at_s, 0.0
        track.hits += 1
        return track

    def _gone(self) -> tuple[Track, ...]:
        """Forget what was missed for longer than `lost_s`; those of it that had appeared."""
        lost = [name for name, track in self._alive.items() if track.missed_s > self._tracking.lost_s]
        gone = [self._alive.pop(name) for name in lost]
        return tuple(sorted((track for track in gone if track.number is not None), key=lambda track: track.number or 0))
