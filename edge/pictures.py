"""Still pictures from files and from bytes: the only decoder of the project, and it refuses what is not whole.

JPEG, PNG, BMP, WebP, TIFF and GIF as OpenCV reads them. EXIF orientation is applied; grey, palette, CMYK, alpha and
16-bit pictures all become plain 8-bit BGR (alpha is left out, 16 bits keep their upper 8).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from contract.errors import DamagedFrameError, SourceError
from edge.chatter import chatter_left_out
from edge.frames import Pixels
from edge.jpeg import is_cut_short
from edge.opencv import cv2

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".pgm"})
"""File names that are taken for pictures, in lower case."""


def read_picture(path: Path) -> Pixels:
    """The picture in `path` as (h, w, 3) uint8 BGR.

    Raises SourceError when the file cannot be read, DamagedFrameError when it holds no whole picture.
    """
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise SourceError(
            f"the picture cannot be read: {problem.strerror}",
            where=str(path),
            fix="Check the path and its permissions.",
        ) from problem
    return decode_picture(data, where=str(path))


def decode_picture(data: bytes, *, where: str) -> Pixels:
    """The picture in `data` as (h, w, 3) uint8 BGR, or DamagedFrameError."""
    if is_cut_short(data):
        raise _damaged("the JPEG was cut short", where)
    try:
        with chatter_left_out():
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    except cv2.error as problem:
        raise _damaged(f"no picture could be decoded: {_reason(problem)}", where) from problem
    if pixels is None:
        raise _damaged(f"no picture could be decoded from its {len(data)} bytes", where)
    decoded: Pixels = pixels
    return decoded


def _reason(problem: Exception) -> str:
    """OpenCV's own words without the place in its source."""
    return str(getattr(problem, "err", "") or problem).strip().splitlines()[0]


def _damaged(what: str, where: str) -> DamagedFrameError:
    return DamagedFrameError(what, where=where, fix="Replace the file, or take it out of the folder.")
