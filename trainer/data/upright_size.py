"""How large a picture file is once it is upright, without decoding it where its header says enough.

Boxes are in pixels of the picture as it is read, and `edge.pictures` turns pictures as their EXIF orientation says
(CIPA DC-008, tag 0x0112: 5 to 8 swap width and height). JPEG headers are read here; other kinds that carry EXIF or
may be turned otherwise are decoded.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path

from contract.errors import SourceError
from edge.picture_size import declared_size_wh
from edge.pictures import read_picture

_HEAD_BYTES = 1 << 18
"""Headers end far below this; a JPEG with more metadata is read whole."""
_ORIENTATION = 0x0112
_SWAPPING = (5, 6, 7, 8)
_EXIF = re.compile(rb"\xff\xe1..Exif\0\0(?=II\*\0|MM\0\*)", re.DOTALL)


def upright_size_wh(file: Path) -> tuple[int, int] | None:
    """Width and height in pixels as `read_picture` will give them; None where it will refuse the file."""
    try:
        with file.open("rb") as opened:
            head = opened.read(_HEAD_BYTES)
    except OSError:
        return None
    size = declared_size_wh(head)
    if size is not None and head.startswith(b"\xff\xd8"):
        return size[::-1] if _orientation(head) in _SWAPPING else size
    if size is not None and head.startswith((b"\x89PNG", b"BM", b"GIF8", b"P")) and b"eXIf" not in head:
        return size
    return _decoded(file)


def _decoded(file: Path) -> tuple[int, int] | None:
    try:
        height, width = read_picture(file).shape[:2]
    except SourceError:
        return None
    return width, height


def _orientation(jpeg: bytes) -> int:
    """The EXIF orientation of a JPEG, 1 where it has none that can be read."""
    found = _EXIF.search(jpeg)
    if found is None:
        return 1
    tiff = jpeg[found.end() :]
    order = "<" if tiff[:1] == b"I" else ">"
    try:
        (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, directory)
        for entry in range(directory + 2, directory + 2 + 12 * count, 12):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, entry)
            if tag == _ORIENTATION:
                return int(value)
    except struct.error:
        return 1
    return 1
