"""Which detection of this frame is which thing of the frames before: ByteTrack, by a library behind a small seam.

Why this library is in docs/decisions/0005-tracker.md. When a thing has appeared or left is `edge/scene/tracks.py`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from contract.errors import MissingPartError
from contract.result import Detection
from contract.scene import Tracking

_HEIGHT = 1000.0
"""Boxes are handed over as if every frame were this high: the library's least areas are absolute."""
_FOLLOW = 1.0
"""Of a full Kalman correction. With the library's 0.25 a box moving 0.4 of its width a frame is lost, with 1 it is
held up to 0.8 (least overlap 0.1, one detection in ten missing)."""


class Associator(Protocol):
    """Remembers things and finds them again."""

    def match(self, detections: Sequence[Detection], size_wh: tuple[int, int], at_ns: int) -> list[str | None]:
        """For each detection of a frame the name of its thing, old or new; None where it is too weak to begin one.

        `at_ns` never goes back. A thing not matched for longer than `lost_s` is forgotten.
        """
        ...


class ByteTracks:
    """One ByteTrack (Zhang et al., arXiv:2110.06864) a label, so that a rider and the bicycle do not swap tracks."""

    def __init__(self, tracking: Tracking) -> None:
        kind = _library()
        lifespan_ns = round(tracking.lost_s * 1e9)
        self._trackers: defaultdict[str, Any] = defaultdict(
            lambda: kind(tracking.start_score, tracking.min_iou, _FOLLOW, lifespan_ns)
        )

    def match(self, detections: Sequence[Detection], size_wh: tuple[int, int], at_ns: int) -> list[str | None]:
        """As the seam says; the names are the library's random UUIDs, equal or not and nothing else."""
        names: list[str | None] = [None] * len(detections)
        places: dict[str, list[int]] = {label: [] for label in self._trackers}
        for place, detection in enumerate(detections):
            # A box that is no number would never match anything again and poison the costs of others.
            if all(map(math.isfinite, detection.box_xyxy_px)):
                places.setdefault(detection.label, []).append(place)
        for label, of_label in places.items():
            boxes = np.array([detections[place].box_xyxy_px for place in of_label], np.float32).reshape(-1, 4)
            boxes *= _HEIGHT / max(1, size_wh[1])
            scores = np.array([detections[place].score for place in of_label], np.float32)
            # Unsigned, whatever the library's own example says: it refuses intp.
            found = self._trackers[label].update(boxes, scores, np.zeros(len(of_label), np.uintp), at_ns)
            for place, track in zip(of_label, found, strict=True):
                names[place] = None if track is None else track.uuid
        return names


def _library() -> Any:
    try:
        from edgefirst.tracker import ByteTrack
    except ModuleNotFoundError as missing:
        raise MissingPartError(
            "tracks, zones, lines and keeping need a tracker, which is not installed",
            where="the Python package edgefirst-tracker",
            fix="Run: pip install 'edgeferry[tracking]', or remove those sections from the scene.",
        ) from missing
    return ByteTrack
