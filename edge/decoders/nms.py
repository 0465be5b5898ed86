"""Non-maximum suppression: of boxes that overlap, the best one of each class stays.

Greedy, as every detector's own evaluation does it (Felzenszwalb et al., 2010): the best box of all stays, those of its
class that overlap it too far go, and so on with the rest.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.quantisation import Tensor

Indices = NDArray[np.intp]
_BLOCK = 128
"""So many boxes are compared with one another at a time: a few calls for what a usual picture shows, and no more than
a few megabytes for what is full of things."""


def best_first(scores: Tensor, count: int) -> Indices:
    """The places of the `count` largest scores, largest first, equals in their order."""
    return np.argsort(-scores, kind="stable")[:count]


def keep_best(
    boxes_xyxy: NDArray[np.floating[Any]],
    scores: NDArray[np.floating[Any]],
    classes: NDArray[np.integer[Any]],
    *,
    iou_threshold: float,
    max_candidates: int = 1000,
    max_detections: int = 100,
) -> Indices:
    """Which of N finite boxes (N, 4) stay, best first.

    Boxes of one class with an intersection over union above the threshold are one thing; a box without area overlaps
    nothing. Only the `max_candidates` best are looked at, and at most `max_detections` stay.
    """
    order = best_first(scores, max_candidates)
    # In float64 the area of no float32 box overflows.
    boxes, kinds = boxes_xyxy[order].astype(np.float64), classes[order]
    kept: list[int] = []
    for start in range(0, len(order), _BLOCK):
        block = slice(start, start + _BLOCK)
        same = _same_things(boxes[block], kinds[block], boxes[block], kinds[block], iou_threshold)
        before = _same_things(boxes[kept], kinds[kept], boxes[block], kinds[block], iou_threshold)
        gone: NDArray[np.bool_] = np.logical_or.reduce(before, axis=0)
        for index in range(len(gone)):
            if not gone[index]:
                kept.append(start + index)
                if len(kept) == max_detections:
                    return order[kept]
                gone |= same[index]
    return order[kept]


def _same_things(
    boxes: NDArray[np.float64], kinds: Tensor, others: NDArray[np.float64], other_kinds: Tensor, iou_threshold: float
) -> NDArray[np.bool_]:
    """(N, M): whether one of N boxes and one of M are of one class and overlap above the threshold."""
    x1, y1, x2, y2 = boxes.T[:, :, None]
    other_x1, other_y1, other_x2, other_y2 = others.T
    width = np.minimum(x2, other_x2) - np.maximum(x1, other_x1)
    height = np.minimum(y2, other_y2) - np.maximum(y1, other_y1)
    shared = np.maximum(width, 0.0) * np.maximum(height, 0.0)
    areas = _areas(boxes)[:, None] + _areas(others)
    # Without a division: a box without area shares nothing, and nothing is no more than nothing.
    found: NDArray[np.bool_] = (shared > iou_threshold * (areas - shared)) & (kinds[:, None] == other_kinds)
    return found


def _areas(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    areas: NDArray[np.float64] = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0.0), axis=1)
    return areas
