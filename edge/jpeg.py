"""How JPEG data is cut: where one picture ends, whether it ends at all, and what its header declares.

OpenCV decodes a JPEG that was cut short and fills the rest with grey, without an error; a grey half picture would
count as seen. The markers tell: a whole picture has an end-of-image marker after its scans
(ITU-T T.81, annex B).
"""

from __future__ import annotations

import re

START = b"\xff\xd8"
_END = b"\xff\xd9"
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
"""Markers that mean something here: not stuffed zeros, TEM, restarts or fill bytes, which have no length either."""


def end_of_picture(data: bytes | bytearray, start: int = 0) -> int | None:
    """Offset just behind the picture that begins at `start`, or None where the data ends first.

    Thumbnails inside metadata have their own end marker; they are stepped over with their segment. A second start of
    image ends the picture before it, which was cut short.
    """
    return find_end(data, start + len(START))[0]


def find_end(data: bytes | bytearray, at: int) -> tuple[int | None, int]:
    """The end of the picture, searched from `at` inside it, and where to go on searching once more bytes have come."""
    while (found := _MARKER.search(data, at)) is not None:
        marker = found[0]
        if marker == _END:
            return found.end(), found.end()
        at = found.start()
        if marker == START:
            return at, at
        if at + 4 > len(data):
            return None, at
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    # The last byte may be the first half of a marker.
    return None, max(at, len(data) - 1)


def is_cut_short(data: bytes) -> bool:
    """Whether `data` begins as a JPEG and never comes to its end."""
    if not data.startswith(START):
        return False
    end = end_of_picture(data)
    return end is None or data[end - 2 : end] != _END


def declared_size_wh(data: bytes) -> tuple[int, int] | None:
    """Width and height in the frame header of the JPEG `data`; None where there is no such header."""
    at = len(START)
    while (found := _MARKER.search(data, at)) is not None and found[0] not in (START, _END):
        at, kind = found.start(), found[0][1]
        # C4, C8 and CC share the frame headers' row without being one.
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            height, width = (int.from_bytes(data[at + n : at + n + 2], "big") for n in (5, 7))
            return width, height
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None
