"""One look at a picture's pixels, in the thread that has just decoded it: everything the checks need of them later.

A picture is never decoded twice for checking, and its pixels are not kept; a look is some 5 kB.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.frames import Pixels
from edge.opencv import cv2
from trainer.checks.blur import blur
from trainer.checks.features import features
from trainer.data import fingerprint
from trainer.data.origin import Listed

_SIDE = 384
"""Longer side of the grey picture shades and sharpness are measured in; larger ones are shrunk to it."""
_COLOURED = 6
"""Difference between channels, averaged over the picture, below which it counts as grey: JPEG leaves a few."""
MOST_CROPS = 20_000
"""Boxes whose labels are judged in one set; more would only fill the memory: 1.4 kB each."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one picture is like."""

    darkest: float
    """The shade 5 % of its pixels are darker than, 0..255."""
    brightest: float
    """The shade 5 % of its pixels are brighter than."""
    contrast: float
    """Distance of the shades 1 % of its pixels are darker and brighter than."""
    spread: float
    """Largest standard deviation of its three channels: 0 for a picture of one colour."""
    blur: float
    """0 sharp to 1 blurred; see `trainer/checks/blur.py`."""
    grey: bool
    near: fingerprint.Look
    """What its near copies are found by."""
    features: NDArray[np.float16]
    """(1, F) of the picture, or (boxes, F) of what is in its boxes, as far as those were asked for."""


def look(listed: Listed, pixels: Pixels, *, most_crops: int | None) -> Look:
    """Measure (H, W, 3) uint8 BGR; with `most_crops` the features are of so many boxes instead of the picture."""
    small = _shrunk(pixels)
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    shades = np.cumsum(np.bincount(grey.ravel(), minlength=256)) / grey.size
    one, five, ninety_five, ninety_nine = (int(np.searchsorted(shades, q)) for q in (0.01, 0.05, 0.95, 0.99))
    whole = (small,) if most_crops is None else tuple(_crops(listed, pixels, most_crops))
    return Look(
        darkest=five,
        brightest=ninety_five,
        contrast=ninety_nine - one,
        spread=float(cv2.meanStdDev(small)[1].max()),
        blur=blur(grey),
        grey=_is_grey(small),
        near=fingerprint.look(small),
        features=np.array([features(part) for part in whole], np.float16),
    )


def _shrunk(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    scale = _SIDE / max(height, width)
    if scale >= 1:
        return pixels
    size_wh = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(pixels, size_wh, interpolation=cv2.INTER_AREA), np.uint8)


def _is_grey(small: Pixels) -> bool:
    blue, green, red = cv2.split(small)
    apart = max(cv2.absdiff(blue, green).mean(), cv2.absdiff(green, red).mean(), cv2.absdiff(blue, red).mean())
    return bool(apart < _COLOURED)


def _crops(listed: Listed, pixels: Pixels, most: int) -> list[Pixels]:
    """What is in the first `most` boxes that lie in the picture; the order is that of `judged_boxes`."""
    height, width = pixels.shape[:2]
    crops = []
    for number in judged_boxes(listed, (width, height), most):
        left, top, right, bottom = listed.boxes[number].xyxy_px
        crops.append(pixels[int(max(0, top)) : int(-(-bottom // 1)), int(max(0, left)) : int(-(-right // 1))])
    return crops


def judged_boxes(listed: Listed, size_wh: tuple[int, int], most: int) -> list[int]:
    """Positions in `listed.boxes` of those whose labels can be judged: at least 4 pixels of them inside each way."""
    width, height = size_wh
    found = []
    for number, box in enumerate(listed.boxes):
        left, top, right, bottom = box.xyxy_px
        if not box.crowd and min(right, width) - max(left, 0) >= 4 and min(bottom, height) - max(top, 0) >= 4:
            found.append(number)
    return found[:most]
