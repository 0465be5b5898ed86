"""How blurred a picture is, with nothing to compare it to: blurring it once more changes a sharp picture a lot.

Measure of F. Crete, T. Dolmiere, P. Ladret and M. Nicolas, "The blur effect: perception and estimation with a new
no-reference perceptual blur metric" (SPIE 6492, 2007). Unlike the variance of the Laplacian it does not call a picture
of a plain thing blurred.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.opencv import cv2

_WINDOW = 9
"""Pixels the picture is blurred over, as in the paper."""


def blur(grey: NDArray[np.uint8]) -> float:
    """0 for sharp to 1 for blurred or without any edge, of (H, W) uint8; the worse of both directions."""
    return max(_along(grey, (_WINDOW, 1)), _along(np.ascontiguousarray(grey.T), (_WINDOW, 1)))


def _along(grey: NDArray[np.uint8], window_wh: tuple[int, int]) -> float:
    once_more = cv2.blur(grey, window_wh)
    before, after = (cv2.absdiff(each[:, 1:], each[:, :-1]) for each in (grey, once_more))
    total = int(before.sum(dtype=np.int64))
    if not total:
        return 1.0
    return 1.0 - int(cv2.subtract(before, after).sum(dtype=np.int64)) / total
