"""A fitted picture as five numbers and a coarse layout: the one implementation, for the reference and for the device.

Everything is read off the picture as the model sees it. Sharpness, noise and layout look at the green channel alone,
which lies in the middle of RGB and BGR alike, carries most of the light and, from a camera, the least noise.
"""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edge.frames import Pixels
from edge.opencv import cv2

RANGES = {
    "brightness": (0.0, 255.0),
    "contrast": (0.0, 127.5),
    "sharpness": (0.0, 64.0),
    "noise": (0.0, 430.0),
}
"""Lowest and highest possible value of each number. The Laplacian's gain is 8 at most, 64 in power."""
TERMS = ((0, 1), (1, 0), (2, 0), (1, 1), (0, 2), (0, 3), (1, 2), (2, 1))
"""(row, column) of the lowest cosine terms after the mean, in the zigzag order of JPEG (ITU-T T.81, figure A.6)."""
_THUMBNAIL = 8
_IMMERKAER = math.sqrt(math.pi / 2) / 6
_ROWS, _COLUMNS = (list(indices) for indices in zip(*TERMS, strict=True))


class PictureFeatures(Struct, frozen=True):
    """What one picture looks like; units and ranges as in `contract.reference.Reference`."""

    brightness: float
    contrast: float
    sharpness: float
    noise: float
    layout: NDArray[np.float32]
    """(8,): the `TERMS` of an 8x8 thumbnail's orthonormal cosine transform.

    Fixed cosines and not a learned or random projection: nothing has to be stored or drawn, every device has the
    same, and coarse light is what moves when a camera does.
    """


class Measurer:
    """Measures pictures (H, W, C) of one size, with its working memory kept. Not for two threads."""

    def __init__(self, hwc: tuple[int, int, int]) -> None:
        height, width, self._channels = hwc
        self._green = np.empty((height, width), np.uint8)
        self._filtered = np.empty((height, width), np.int16)
        self._small = np.empty((_THUMBNAIL, _THUMBNAIL), np.uint8)
        self._inside = self._filtered[1:-1, 1:-1]

    def measure(self, fitted: Pixels) -> PictureFeatures:
        """Features of a uint8 picture of that size."""
        means, deviations = cv2.meanStdDev(fitted)
        brightness = float(means.mean())
        spread = float((deviations**2 + means**2).mean()) - brightness**2
        green = fitted.reshape(self._green.shape) if self._channels == 1 else self._green
        if self._channels != 1:
            cv2.extractChannel(fitted, 1, dst=green)
        green_power = float(deviations[self._channels // 2, 0]) ** 2
        return PictureFeatures(
            brightness=brightness,
            contrast=math.sqrt(max(spread, 0.0)),
            sharpness=self._sharpness(green, green_power),
            noise=self._noise(green),
            layout=self._layout(green),
        )

    def _sharpness(self, green: Pixels, power: float) -> float:
        """Variance of the Laplacian (Pech-Pacheco et al. 2000) over the variance itself, so that contrast cancels."""
        if power < 1e-6:
            return 0.0
        cv2.Laplacian(green, cv2.CV_16S, dst=self._filtered)
        # Six times as quick as meanStdDev, which has no short cut for 16 bits.
        mean_square = float(cv2.norm(self._filtered, cv2.NORM_L2SQR)) / green.size
        mean = float(cv2.sumElems(self._filtered)[0]) / green.size
        return max(mean_square - mean**2, 0.0) / power

    def _noise(self, green: Pixels) -> float:
        """J. Immerkaer, Fast Noise Variance Estimation, 1996: mean size of a filter's answer that is 0 on ramps."""
        if not self._inside.size:
            return 0.0
        cv2.Sobel(green, cv2.CV_16S, 2, 2, dst=self._filtered)  # 1 -2 1, both ways
        return _IMMERKAER * float(cv2.norm(self._inside, cv2.NORM_L1)) / self._inside.size

    def _layout(self, green: Pixels) -> NDArray[np.float32]:
        cv2.resize(green, (_THUMBNAIL, _THUMBNAIL), dst=self._small, interpolation=cv2.INTER_AREA)
        terms: NDArray[np.float32] = cv2.dct(self._small.astype(np.float32))[_ROWS, _COLUMNS]
        return terms
