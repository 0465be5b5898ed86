"""The test pictures a detector did worst and best on, with the boxes of both sides drawn into them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.average_precision import Average
from edge.frames import Pixels
from edge.marked import Found, Marked
from edge.opencv import cv2
from trainer.detection.dataset import Detected
from trainer.detection.record import Shown

WORST, BEST = 8, 4
TRUTH_BGR, FOUND_BGR = (60, 200, 60), (30, 110, 255)
"""Green is what is marked, orange what was found."""
_SMALLEST_SIDE = 360
"""Pictures are enlarged by whole numbers until about so large: thin lines hide small things."""


def gallery(
    pictures: Detected, found: Sequence[Found], threshold: float, classes: int, *, colour: str
) -> tuple[Shown, ...]:
    """`WORST` and `BEST` of the pictures by their own F1; equals by the number of boxes, the fuller first.

    `colour` is the order of the pictures' channels.
    """
    kept = [_from(one, threshold) for one in found]
    rows = [_counts(marked, mine, classes) for marked, mine in zip(pictures.marked, kept, strict=True)]
    order = sorted(range(len(rows)), key=lambda i: (_f1(rows[i]), -rows[i][0], pictures.names[i]))
    chosen = [*order[:WORST], *order[max(WORST, len(order) - BEST) :]]
    return tuple(
        Shown(
            name=pictures.names[i],
            marked=rows[i][0],
            found=rows[i][1],
            right=rows[i][2],
            jpeg=_drawn(pictures.frames[i], pictures.marked[i], kept[i], colour),
        )
        for i in chosen
    )


def _from(found: Found, threshold: float) -> Found:
    kept = found.scores >= threshold
    return Found(found.boxes[kept], found.labels[kept], found.scores[kept])


def _counts(marked: Marked, found: Found, classes: int) -> tuple[int, int, int]:
    """Marked, found and right."""
    average = Average([marked], [found], classes)
    answers = [average.answers(number) for number in range(classes)]
    return (
        sum(one.marked for one in answers),
        sum(len(one.scores) for one in answers),
        sum(int(one.right.sum()) for one in answers),
    )


def _f1(row: tuple[int, int, int]) -> float:
    marked, found, right = row
    return 2.0 * right / (marked + found) if marked + found else 1.0


def _drawn(fitted: Pixels, marked: Marked, found: Found, colour: str) -> bytes:
    to_bgr = {"grey": cv2.COLOR_GRAY2BGR, "rgb": cv2.COLOR_RGB2BGR}
    pixels = cv2.cvtColor(fitted, to_bgr[colour]) if colour in to_bgr else fitted
    times = max(1, round(_SMALLEST_SIDE / min(pixels.shape[:2])))
    canvas = cv2.resize(pixels, None, fx=times, fy=times)
    for boxes, line in ((marked.boxes, TRUTH_BGR), (found.boxes, FOUND_BGR)):
        for x1, y1, x2, y2 in _whole(boxes * times):
            cv2.rectangle(canvas, (x1, y1), (x2, y2), line, 1)
    return bytes(cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, 85])[1])


def _whole(boxes: NDArray[np.float32]) -> list[list[int]]:
    rows: list[list[int]] = boxes.round().astype(int).tolist()
    return rows
