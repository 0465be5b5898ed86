"""A moving test pattern, for trying things out where there is no camera: equal options give equal pixels.

`synthetic:?size=640x480&fps=30&frames=100&seed=1`, every option optional. With `fps` it behaves like a camera, without
it like a file. Without `frames` it never ends.
"""

from __future__ import annotations

import math
import time
from typing import NamedTuple
from urllib.parse import parse_qsl

import numpy as np

from contract.errors import ConfigError
from edge.frames import Frame, Pixels

_MOST_PIXELS = 8192
_STEP_PX = 3


class _Options(NamedTuple):
    width: int = 640
    height: int = 480
    fps: float | None = None
    frames: int | None = None
    seed: int = 0


class SyntheticSource:
    """Coloured noise that drifts to the left behind a square that runs to the right."""

    def __init__(self, options: _Options) -> None:
        self.name = "synthetic"
        self.live = options.fps is not None
        self._options = options
        self._index = 0
        self._began = time.monotonic()
        shades = np.random.default_rng(options.seed).integers(0, 256, (9, 17, 3), np.uint8)
        self._backdrop = _enlarged(shades, options.height, 2 * options.width)

    def read(self, timeout_s: float) -> Frame | None:
        """The next pattern; with `fps` not before its time."""
        if self._index == self._options.frames:
            return None
        if self._options.fps is not None:
            self._wait(self._began + self._index / self._options.fps, timeout_s)
        media_s = None if self._options.fps is None else self._index / self._options.fps
        frame = Frame.now(self.name, self._index, self._drawn(self._index), media_s=media_s)
        self._index += 1
        return frame

    def close(self) -> None:
        """Nothing is held open."""

    def _wait(self, due: float, timeout_s: float) -> None:
        left_s = due - time.monotonic()
        time.sleep(min(max(left_s, 0.0), timeout_s))
        if left_s > timeout_s:
            raise TimeoutError

    def _drawn(self, index: int) -> Pixels:
        width, height = self._options.width, self._options.height
        shift = index * _STEP_PX % width
        pixels = self._backdrop[:, shift : shift + width].copy()
        side = max(height // 4, 1)
        left = index * _STEP_PX % max(width - side, 1)
        pixels[height // 2 : height // 2 + side, left : left + side] = (40, 200, 240)
        return pixels


def open(text: str) -> SyntheticSource:
    """The pattern with the options in `text`; ConfigError names the one that is wrong."""
    return SyntheticSource(_parsed(text))


def _parsed(text: str) -> _Options:
    options = _Options()
    for key, value in parse_qsl(text.removeprefix("synthetic:").removeprefix("?"), keep_blank_values=True):
        if key == "size":
            width, _, height = value.partition("x")
            options = options._replace(width=_pixels(text, width), height=_pixels(text, height))
        elif key == "fps":
            options = options._replace(fps=_number(text, value, least=0.001))
        elif key in ("frames", "seed"):
            options = options._replace(**{key: int(_number(text, value, least=0))})
        else:
            raise ConfigError(f"there is no option {key!r}", where=text, fix="Options are size, fps, frames and seed.")
    return options


def _pixels(text: str, value: str) -> int:
    number = int(_number(text, value, least=1))
    if number > _MOST_PIXELS:
        raise ConfigError(f"{number} pixels are too many", where=text, fix=f"At most {_MOST_PIXELS} each way.")
    return number


def _number(text: str, value: str, *, least: float) -> float:
    try:
        number = float(value)
    except ValueError:
        number = least - 1
    if not least <= number < math.inf:
        raise ConfigError(f"{value!r} is not a number from {least:g} up", where=text, fix="Correct --source.")
    return number


def _enlarged(shades: Pixels, height: int, width: int) -> Pixels:
    """Blocks of the colours in `shades`, as wide and high as asked."""
    rows = np.arange(height) * shades.shape[0] // height
    columns = np.arange(width) * shades.shape[1] // width
    # Twice the same, side by side, so that the drift has no seam.
    half = shades[rows][:, columns[: width // 2]]
    return np.concatenate([half, half], axis=1)
