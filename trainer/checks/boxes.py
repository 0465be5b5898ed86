"""What can be wrong with the boxes of a detector's pictures, one by one and among each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.checks.examined import Examined, Seen
from trainer.checks.finding import SHOWN, Finding, MarkedBox, of_boxes, of_pictures
from trainer.data.boxes import Box

_TINY_PX = 3.0
"""Shorter side in pixels of the model's input below which nothing of the thing is left."""
_HUGE = 0.95
"""Share of the picture a box covers from which it marks the picture rather than a thing in it."""
_TOUCH_PX = 1.0
"""Beyond the picture's edge by rounding."""
SAME, _SAME_OF_TWO = 0.9, 0.95
"""Intersection over union from which two boxes mark one thing; two labels for it need more agreement to be a mistake,
since a face fills most of a head."""
LIMIT = 100
"""Things a detector reports at most for one picture."""

Marked = tuple[MarkedBox, str]


def of_boxes_marked(seen: Examined) -> Iterator[Finding]:
    """All of it; nothing where pictures have labels rather than boxes."""
    if not seen.detect:
        return
    yield from _odd(seen)
    yield from of_boxes("boxes-outside", "error", _each(seen, _outside), "boxes that reach beyond their picture",
                        "Look whether the picture was turned or scaled after it was labelled.")  # fmt: skip
    yield from of_boxes("duplicate-boxes", "warning", _pairs(seen, SAME, same=True), "boxes marked twice",
                        "Remove one of each: a detector is told off for finding the thing once.")  # fmt: skip
    yield from of_boxes("boxes-of-two-labels", "warning", _pairs(seen, _SAME_OF_TWO, same=False),
                        "boxes marked a second time under another label", "Decide which label is right.")  # fmt: skip
    yield from of_boxes("tiny-boxes", "warning", _tiny(seen), "boxes of which the model's input keeps nothing",
                        "Train with larger input, cut the pictures into tiles, or leave them out.")  # fmt: skip
    yield from of_boxes("huge-boxes", "warning", _each(seen, _huge), "boxes that cover nearly the whole picture",
                        "Look whether they mark the thing, or only say that it is there.")  # fmt: skip
    crowded = [(read.listed.name, f"{len(read.listed.boxes)} boxes") for read in seen.good
               if len(read.listed.boxes) > LIMIT]  # fmt: skip
    yield from of_pictures("crowded", "warning", crowded, f"pictures with more than the {LIMIT} boxes a detector gives",
                           "Cut them into tiles.")  # fmt: skip
    bare = [(read.listed.name, "") for read in seen.good if not read.listed.boxes]
    yield from of_pictures("no-boxes", "warning", bare, "pictures without a box: learnt as showing nothing",
                           "Fine if they show nothing; mark what was forgotten.")  # fmt: skip


def _odd(seen: Examined) -> Iterator[Finding]:
    odd = seen.origin.odd_boxes
    if odd:
        yield Finding(
            kind="odd-boxes", severity="error", count=len(odd),
            what="boxes nobody can learn from; training leaves them out", fix="Mend or remove them.",
            examples=tuple(f"{box.picture}: {box.what} ({box.where})" for box in odd[:SHOWN]),
            pictures=tuple(box.picture for box in odd), notes=tuple(f"{box.what} ({box.where})" for box in odd),
        )  # fmt: skip


def _each(seen: Examined, judge: Callable[[Box, tuple[int, int]], str]) -> list[Marked]:
    return [
        (_marked(seen, read, box), remark)
        for read in seen.good
        for box in read.listed.boxes
        if (remark := judge(box, read.size_wh))
    ]


def _outside(box: Box, size_wh: tuple[int, int]) -> str:
    left, top, right, bottom = box.xyxy_px
    width, height = size_wh
    if min(left, top) >= -_TOUCH_PX and right <= width + _TOUCH_PX and bottom <= height + _TOUCH_PX:
        return ""
    return f"{left:.0f},{top:.0f} to {right:.0f},{bottom:.0f} in {width}x{height}"


def _huge(box: Box, size_wh: tuple[int, int]) -> str:
    left, top, right, bottom = box.xyxy_px
    share = (right - left) * (bottom - top) / (size_wh[0] * size_wh[1])
    return f"{share:.0%} of the picture" if share >= _HUGE else ""


def _tiny(seen: Examined) -> list[Marked]:
    """Smallest first."""
    prep = seen.origin.suggestion.preprocessing
    found = []
    for read in seen.good:
        across, down = (model / picture for model, picture in zip(prep.size_wh, read.size_wh, strict=True))
        if prep.resize != "stretch":
            across = down = min(across, down)
        for box in read.listed.boxes:
            left, top, right, bottom = box.xyxy_px
            side = min((right - left) * across, (bottom - top) * down)
            if side < _TINY_PX and not box.crowd:
                size = f"{right - left:.0f}x{bottom - top:.0f} pixels"
                found.append((side, (_marked(seen, read, box), f"{size}, {side:.1f} in the model's input")))
    return [marked for _, marked in sorted(found, key=lambda pair: pair[0])]


def _pairs(seen: Examined, least: float, *, same: bool) -> list[Marked]:
    found = []
    for read in seen.good:
        boxes = read.listed.boxes
        for position, (first, share) in marked_again(boxes, least, same=same).items():
            also = "" if same else f"also marked {seen.origin.labels[boxes[first].label]}, "
            found.append((_marked(seen, read, boxes[position]), f"{also}{share:.0%} the same box"))
    return found


def marked_again(boxes: Sequence[Box], least: float, *, same: bool) -> dict[int, tuple[int, float]]:
    """Positions of boxes that mark what an earlier one marks: that one's position, and how much of both is common.

    Of one label with `same`, of two without; `least` is the intersection over union from which two are one.
    """
    positions = [number for number, box in enumerate(boxes) if not box.crowd]
    if len(positions) < 2:
        return {}
    overlap = np.triu(_overlaps([boxes[number] for number in positions]), k=1)
    again: dict[int, tuple[int, float]] = {}
    for i, j in np.argwhere(overlap >= least).tolist():
        first, later = positions[i], positions[j]
        if (boxes[first].label == boxes[later].label) == same:
            again.setdefault(later, (first, float(overlap[i, j])))
    return again


def _overlaps(boxes: Sequence[Box]) -> NDArray[np.float64]:
    """(N, N) intersection over union."""
    xyxy = np.array([box.xyxy_px for box in boxes], np.float64)
    low = np.maximum(xyxy[:, None, :2], xyxy[None, :, :2])
    high = np.minimum(xyxy[:, None, 2:], xyxy[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(axis=2)
    area = (xyxy[:, 2:] - xyxy[:, :2]).prod(axis=1)
    return np.asarray(common / np.maximum(area[:, None] + area[None, :] - common, 1e-9))


def _marked(seen: Examined, read: Seen, box: Box) -> MarkedBox:
    return MarkedBox(picture=read.listed.name, label=seen.origin.labels[box.label], xyxy_px=box.xyxy_px)
