"""How far two models say the same about one frame: what a shadow run is judged by.

For boxes it is the F1 score of one answer against the other: twice the pairs over all boxes, a pair being two boxes of
one label that share half of their common area (IoU 0.5, as in PASCAL VOC). For everything else the first answers agree
or they do not.
"""

from __future__ import annotations

from contract.result import Detection, Result
from edge.first_answer import first_answer

_PAIRED_IOU = 0.5


def agreement(one: Result, other: Result) -> float:
    """0..1; 1 where neither found anything."""
    ours, theirs = one.detections, other.detections
    if isinstance(ours, tuple) and isinstance(theirs, tuple):
        return boxes_agree(ours, theirs)
    return float(first_answer(one) == first_answer(other))


def boxes_agree(ours: tuple[Detection, ...], theirs: tuple[Detection, ...]) -> float:
    """F1 of one answer against the other, 0..1; 1 where neither found anything."""
    left = list(theirs)
    for box in ours:
        best = max((b for b in left if b.index == box.index), key=lambda b: iou(box, b), default=None)
        if best is not None and iou(box, best) >= _PAIRED_IOU:
            left.remove(best)
    pairs, boxes = len(theirs) - len(left), len(ours) + len(theirs)
    return 2 * pairs / boxes if boxes else 1.0


def iou(one: Detection, other: Detection) -> float:
    """Intersection over union of their boxes; 0 where neither has an area."""
    left, top, right, bottom = one.box_xyxy_px
    left2, top2, right2, bottom2 = other.box_xyxy_px
    width, height = min(right, right2) - max(left, left2), min(bottom, bottom2) - max(top, top2)
    common = max(width, 0.0) * max(height, 0.0)
    both = (right - left) * (bottom - top) + (right2 - left2) * (bottom2 - top2) - common
    return common / both if both > 0 else 0.0
