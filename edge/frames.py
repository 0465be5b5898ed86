"""What a source hands to the pipeline: a picture, or a row of numbers, with its moment, or the reason there is none."""

from __future__ import annotations

import time
from typing import ClassVar

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from contract.errors import DamagedFrameError

Pixels = NDArray[np.uint8]
"""(height, width, 3) uint8 in the order blue, green, red, as OpenCV gives them."""


class Numbers(Struct, frozen=True, eq=False):
    """One frame of a source that gives no pictures: the values of all a model's inputs, one after another."""

    values: NDArray[np.float64]
    """(K,), wide enough for every number type a tensor has but the largest int64."""
    stored: bool = False
    """Whether they are what the tensors store; otherwise they are real values."""
    shape: ClassVar[tuple[int, int]] = (1, 1)
    """Of the picture that is not there: a manifest of numbers says size 1x1, and nothing has another place."""


class Frame(Struct, frozen=True, eq=False):
    """One frame as captured: `pixels` or `numbers`, or `error` where the source could not read this one."""

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
    numbers: Numbers | None = None
    """Instead of pixels, from a source without a camera."""

    @classmethod
    def now(cls, source: str, index: int, pixels: Pixels | DamagedFrameError, *, media_s: float | None = None) -> Frame:
        """A frame captured at this moment; an error instead of pixels makes a damaged one."""
        if isinstance(pixels, DamagedFrameError):
            return cls(source, index, time.time(), time.monotonic(), None, pixels, media_s)
        return cls(source, index, time.time(), time.monotonic(), pixels, None, media_s)

    @classmethod
    def of_numbers(cls, source: str, index: int, numbers: Numbers) -> Frame:
        """A frame of plain numbers, read at this moment."""
        return cls(source, index, time.time(), time.monotonic(), None, numbers=numbers)

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height in pixels; (0, 0) for a frame without pixels."""
        return (0, 0) if self.pixels is None else (self.pixels.shape[1], self.pixels.shape[0])
