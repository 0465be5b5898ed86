"""Still pictures from files and from bytes: the only decoder of the project, and it refuses what is not whole.

JPEG, PNG, BMP, WebP, TIFF and GIF as OpenCV reads them. EXIF orientation is applied; grey, palette, CMYK, alpha and
16-bit pictures all become plain 8-bit BGR (alpha is left out, 16 bits keep their upper 8).
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np

from contract.errors import DamagedFrameError, SourceError
from edge.chatter import chatter_left_out
from edge.frames import Pixels
from edge.jpeg import is_cut_short
from edge.opencv import cv2
from edge.picture_size import declared_size_wh

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".pgm"})
"""File names that are taken for pictures, in lower case."""
MOST_PIXELS = 100_000_000
"""More than any camera this is for; decoded it is 300 MB, which already fills a small computer."""
_STDERR = 2
_COMPLAINT = re.compile(
    rb"Corrupt JPEG data: "
    rb"(premature end of data segment|bad Huffman code|(?P<left>\d+) extraneous bytes before marker 0xd9)"
)
"""How libjpeg says that it had to guess (its `jerror.h`): only the first of a picture, and only on standard error.

Bytes before other markers do not count: metadata written badly causes them in sound pictures.
"""
_MOST_PADDING_BYTES = 16
"""Many cheap cameras leave a few bytes between the scan and the end marker; the picture is whole all the same."""


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
    """The picture in `data` as (h, w, 3) uint8 BGR, or DamagedFrameError.

    A JPEG is refused when it was cut short or its decoder had to guess. What no decoder can see is a changed byte
    after which the rest still makes sense: JPEG has no checksum.
    """
    if is_cut_short(data):
        raise _damaged("the JPEG was cut short", where)
    width, height = declared_size_wh(data) or (0, 0)
    if width * height > MOST_PIXELS:
        raise _damaged(f"the picture declares {width} x {height} pixels, and {MOST_PIXELS:,} are the limit", where)
    try:
        pixels, complaint = _decoded(data)
    except cv2.error as problem:
        raise _damaged(f"no picture could be decoded: {_reason(problem)}", where) from problem
    if pixels is None:
        raise _damaged(f"no picture could be decoded from its {len(data)} bytes", where)
    if complaint is not None:
        raise _damaged(f"the JPEG is damaged: {complaint}", where)
    return pixels


def _decoded(data: bytes) -> tuple[Pixels | None, str | None]:
    """OpenCV's picture, and libjpeg's complaint about it."""
    if not data:
        return None, None
    with chatter_left_out():
        pixels: Pixels | None = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        # Here descriptor 2 is the file that holds the chatter back.
        found = _COMPLAINT.search(os.pread(_STDERR, 4096, 0))
    if found is None or int(found["left"] or _MOST_PADDING_BYTES + 1) <= _MOST_PADDING_BYTES:
        return pixels, None
    return pixels, found[1].decode("ascii")


def _reason(problem: Exception) -> str:
    """OpenCV's own words without the place in its source."""
    return str(getattr(problem, "err", "") or problem).strip().splitlines()[0]


def _damaged(what: str, where: str) -> DamagedFrameError:
    return DamagedFrameError(what, where=where, fix="Replace the file, or take it out of the folder.")
