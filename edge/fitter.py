"""The only resize of the project: a frame in the model's size and colour order, with its working memory kept.

Bilinear interpolation looks at four pixels; a frame many times larger than the model's picture would be sampled, not
averaged, and fine texture would come out as noise. So it is first halved, each time by the mean of neighbours, until it
is less than twice as large. On 47 answers of shared classifiers to photographs that cost 6 mistakes without and none
with it, for 0.3 ms on a 1280x720 frame; averaging over exact areas is as right, costs ten times that, and differs
between processors in the last bit (OpenCV's bilinear does not). Models measured with Pillow's antialiased resize may
ask for that very one (`edge/antialias.py`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from contract.errors import DamagedFrameError
from contract.manifest import Preprocessing
from edge.frames import Pixels
from edge.opencv import cv2
from edge.placement import Rectangle, placement

_INTERPOLATION = {"linear": cv2.INTER_LINEAR, "nearest": cv2.INTER_NEAREST}
"""By OpenCV; `antialias` has its own file."""

_TURN = {"rgb": cv2.COLOR_BGR2RGB, "grey": cv2.COLOR_BGR2GRAY}
"""Frames are BGR already."""


def channels(prep: Preprocessing) -> int:
    """1 for grey, else 3."""
    return 1 if prep.colour == "grey" else 3


class Fitter:
    """Fits frames of any size, quickest while the size stays the same. Not for two threads."""

    def __init__(self, prep: Preprocessing) -> None:
        self._prep = prep
        self._width, self._height = prep.size_wh
        self._small = np.full((self._height, self._width, 3), prep.pad_value, np.uint8)
        self._small_shape = self._small.shape
        self._turn = _TURN.get(prep.colour)
        self._frame_shape: tuple[int, ...] = ()
        self._crop = Rectangle(0, 0, 0, 0)
        self._stages: list[Pixels] = []
        self._antialias: Callable[[Pixels, Pixels], None] | None = None

    def fit(self, pixels: Pixels, out: Pixels | None = None) -> Pixels:
        """A frame (h, w, 3) BGR as uint8 (H, W, C), in `out` where one is given; see `edge.preprocess.fit`."""
        if out is None:
            out = np.empty((self._height, self._width, channels(self._prep)), np.uint8)
        # A frame in the model's size already is only turned into its colour order.
        small = pixels if pixels.shape == self._small_shape else self._resized(pixels)
        if self._turn is None:
            np.copyto(out, small)
        else:
            cv2.cvtColor(small, self._turn, dst=out)
        return out

    def _resized(self, pixels: Pixels) -> Pixels:
        """The frame in the model's size, still BGR."""
        if pixels.shape != self._frame_shape:
            self._prepare(pixels)
        crop = self._crop
        seen = pixels[crop.top : crop.bottom, crop.left : crop.right]
        if self._antialias is not None:
            self._antialias(seen, self._stages[-1])
            return self._small
        interpolation = _INTERPOLATION[self._prep.interpolation]
        for stage in self._stages:
            cv2.resize(seen, (stage.shape[1], stage.shape[0]), dst=stage, interpolation=interpolation)
            seen = stage
        return self._small

    def _prepare(self, pixels: Pixels) -> None:
        """Whatever depends on the frame's size: the padding is painted and memory taken once a size."""
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or 0 in pixels.shape:
            raise DamagedFrameError(
                f"a frame of shape {pixels.shape} and type {pixels.dtype} is not height x width x BGR bytes",
                where="preprocessing",
                fix="Check the source; frames are uint8 (h, w, 3).",
            )
        crop, target = placement((pixels.shape[1], pixels.shape[0]), self._prep)
        self._small[:] = self._prep.pad_value
        self._stages = []
        if self._prep.interpolation == "linear":
            sizes = halvings((crop.width, crop.height), (target.width, target.height))
            self._stages = [np.empty((height, width, 3), np.uint8) for width, height in sizes]
        self._stages.append(self._small[target.top : target.bottom, target.left : target.right])
        if self._prep.interpolation == "antialias":
            from edge.antialias import Antialias

            self._antialias = Antialias((crop.width, crop.height), (target.width, target.height))
        self._crop, self._frame_shape = crop, pixels.shape


def halvings(size_wh: tuple[int, int], target_wh: tuple[int, int]) -> list[tuple[int, int]]:
    """The sizes between a frame and its target: each side halved as long as it stays larger than the target's."""
    sizes: list[tuple[int, int]] = []
    (width, height), (target_width, target_height) = size_wh, target_wh
    while width > 2 * target_width or height > 2 * target_height:
        width = width // 2 if width > 2 * target_width else width
        height = height // 2 if height > 2 * target_height else height
        sizes.append((width, height))
    return sizes
