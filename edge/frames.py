"""What a source hands to the pipeline: one picture with its place and its moment, or the reason there is none."""

from __future__ import annotations

import time

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from contract.errors import DamagedFrameError

Pixels = NDArray[np.uint8]
"""(height, width, 3) uint8 in the order blue, green, red, as OpenCV gives them."""


class Frame(Struct, frozen=True, eq=False):
    """One frame as captured: `pixels`, or `error` where the source could not read this one."""

    source: str
    """The picture's file name, or what the camera is called."""
    index: int
    """Counts from 0 since the source was opened."""
    captured_at: float
    """Seconds since 1970, UTC: for people."""
    captured_mono: float
    """`time.monotonic()` at the same moment: for ages, which a corrected wall clock must not change."""
    pixels: Pixels | None
    error: DamagedFrameError | None = None
    media_s: float | None = None
    """Place in the recording, for sources that replay one; None for what happens now."""

    @classmethod
    def now(cls, source: str, index: int, pixels: Pixels | DamagedFrameError, *, media_s: float | None = None) -> Frame:
        """A frame captured at this moment; an error instead of pixels makes a damaged one."""
        if isinstance(pixels, DamagedFrameError):
            return cls(source, index, time.time(), time.monotonic(), None, pixels, media_s)
        return cls(source, index, time.time(), time.monotonic(), pixels, None, media_s)

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height in pixels; (0, 0) for a damaged frame."""
        return (0, 0) if self.pixels is None else (self.pixels.shape[1], self.pixels.shape[0])
