"""Raw frames one behind the other, all of one size: no decoder, no compression, and nothing between them.

`size=1280x720&format=F`, F one of bgr24, rgb24, gray, yuv420p and nv12, as ffmpeg's `-pix_fmt` calls them.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qsl

import numpy as np

from contract.errors import ConfigError, DamagedFrameError
from edge.frames import Pixels
from edge.opencv import cv2

_MOST_PIXELS = 8192
_FIX = "Write pipe:raw?size=WIDTHxHEIGHT&format=F:COMMAND with F one of bgr24, rgb24, gray, yuv420p and nv12."


class _Format(NamedTuple):
    """Bytes a pixel, times two; the channels of one row; and OpenCV's conversion to BGR."""

    half_bytes: int
    channels: int
    to_bgr: int | None


_FORMATS = {
    "bgr24": _Format(6, 3, None),
    "rgb24": _Format(6, 3, cv2.COLOR_RGB2BGR),
    "gray": _Format(2, 1, cv2.COLOR_GRAY2BGR),
    "yuv420p": _Format(3, 1, cv2.COLOR_YUV2BGR_I420),
    "nv12": _Format(3, 1, cv2.COLOR_YUV2BGR_NV12),
}


class RawStream:
    """Bytes in, frames out. Options as at the top; ConfigError says which is wrong."""

    def __init__(self, options: str) -> None:
        found = dict(parse_qsl(options, keep_blank_values=True))
        name, size = found.pop("format", ""), found.pop("size", "")
        if name not in _FORMATS or found:
            raise ConfigError("the raw frames' format is not known", where=f"raw?{options}", fix=_FIX)
        self._format = _FORMATS[name]
        self._width, self._height = size_wh(size, where=f"raw?{options}", fix=_FIX)
        if self._format.half_bytes == 3 and (self._width % 2 or self._height % 2):
            raise ConfigError(f"{name} needs an even width and height", where=f"raw?{options}", fix="Change the size.")
        self._frame_bytes = self._width * self._height * self._format.half_bytes // 2
        self._held = bytearray()

    def feed(self, data: bytes) -> None:
        """More bytes, cut anywhere."""
        self._held += data

    def next_picture(self) -> bytes | None:
        """The oldest whole frame, or None until more bytes have come."""
        if len(self._held) < self._frame_bytes:
            return None
        frame = bytes(self._held[: self._frame_bytes])
        del self._held[: self._frame_bytes]
        return frame

    def left_over(self) -> bytes:
        """The beginning of a frame whose rest has not come."""
        return bytes(self._held)

    def decode(self, picture: bytes, where: str) -> Pixels:
        """The frame as (h, w, 3) BGR, or DamagedFrameError when it is not whole."""
        if len(picture) != self._frame_bytes:
            raise DamagedFrameError(
                f"the frame ended after {len(picture)} of {self._frame_bytes} bytes",
                where=where,
                fix="Check that the command writes the size and format named.",
            )
        rows = self._height * 3 // 2 if self._format.half_bytes == 3 else self._height
        stored = np.frombuffer(picture, np.uint8).reshape(rows, self._width, self._format.channels)
        pixels: Pixels = stored if self._format.to_bgr is None else cv2.cvtColor(stored, self._format.to_bgr)
        return pixels


def size_wh(text: str, *, where: str, fix: str) -> tuple[int, int]:
    """`WIDTHxHEIGHT` as two numbers; ConfigError for anything else."""
    width, _, height = text.partition("x")
    if not all(side.isascii() and side.isdigit() and 0 < int(side[:6]) <= _MOST_PIXELS for side in (width, height)):
        raise ConfigError(f"{text!r} is not a size of 1x1 to {_MOST_PIXELS}x{_MOST_PIXELS}", where=where, fix=fix)
    return int(width), int(height)
