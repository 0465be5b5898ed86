"""From many candidate boxes to the few detections: the last part that all formats with overlaps have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from contract.decoding import Selection
from contract.manifest import Manifest, Preprocessing
from contract.result import Detection
from edge.decoders import Decoded, label_of, not_finite
from edge.decoders.nms import Indices, best_first, keep_best
from edge.decoders.scores import Best
from edge.placement import placement

Corners = NDArray[np.float32]
"""(N, 4) left, top, right, bottom in pixels of the model's picture."""


class Selector:
    """Keeps the best boxes of one model's candidates."""

    def __init__(self, manifest: Manifest, decoding: Selection, boxes: str) -> None:
        self._decoding, self._boxes = decoding, boxes
        self._labels, self._preprocessing = manifest.labels, manifest.preprocessing

    def detections(self, best: Best, corners_of: Callable[[Indices], Corners], frame_wh: tuple[int, int]) -> Decoded:
        """Detections, best first, in pixels of the frame. `corners_of` is asked for the candidates' places only.

        BackendError where a candidate's box is not finite.
        """
        rules = self._decoding
        candidates = best_first(best.scores, rules.max_candidates)
        places, classes, scores = best.places[candidates], best.classes[candidates], best.scores[candidates]
        corners = finite_corners(corners_of, places, self._boxes)
        kept = keep_best(
            corners,
            scores,
            classes,
            iou_threshold=rules.iou_threshold,
            max_detections=rules.max_detections,
            max_candidates=rules.max_candidates,
        )
        found = zip(
            (classes[kept] + rules.class_offset).tolist(), scores[kept].tolist(), corners[kept].tolist(), strict=True
        )
        return Decoded(detections=in_frame(found, self._labels, self._preprocessing, frame_wh))


def finite_corners(corners_of: Callable[[Indices], Corners], places: Indices, output: str) -> Corners:
    """The boxes at some places; BackendError naming `output` where a number is not finite."""
    # exp of a wild number overflows, and infinity is refused right here.
    with np.errstate(over="ignore", invalid="ignore"):
        corners = corners_of(places)
    if not np.isfinite(corners).all():
        raise not_finite(output)
    return corners


def in_frame(
    found: Iterable[tuple[int, float, list[float]]],
    labels: tuple[str, ...],
    preprocessing: Preprocessing,
    frame_wh: tuple[int, int],
) -> tuple[Detection, ...]:
    """(class, score, corners in the model's pixels) as detections in the frame's, clipped to it.

    What then has no area lay wholly in the padding or outside, and is left out.
    """
    place = placement(frame_wh, preprocessing)
    detections = []
    for index, score, (x1, y1, x2, y2) in found:
        left, top = place.to_frame(x1, y1)
        right, bottom = place.to_frame(x2, y2)
        if left < right and top < bottom:
            box = (left, top, right, bottom)
            detections.append(Detection(index=index, label=label_of(labels, index), score=score, box_xyxy_px=box))
    return tuple(detections)


def corners_of_centres(x: Corners, y: Corners, width: Corners, height: Corners) -> Corners:
    """Corners (N, 4) of boxes given by centre and size, each (N,)."""
    return np.stack((x - width / 2, y - height / 2, x + width / 2, y + height / 2), axis=1)
