"""How JPEG data is cut: where one picture ends, and whether it ends at all.

OpenCV decodes a JPEG that was cut short and fills the rest with grey, without an error; a grey half picture would
count as seen. The markers tell: a whole picture has an end-of-image marker after its scans
(ITU-T T.81, annex B).
"""

from __future__ import annotations

START = b"\xff\xd8"
_END_OF_IMAGE, _FILL = 0xD9, 0xFF
_ALONE = {0x01, *range(0xD0, 0xD9)}
"""Markers without a length: TEM, the restarts and a second start of image."""


def end_of_picture(data: bytes | bytearray, start: int = 0) -> int | None:
    """Offset just behind the picture that begins at `start`, or None where the data ends first.

    Thumbnails inside metadata have their own end marker; they are stepped over with their segment.
    """
    at = start + len(START)
    while True:
        at = data.find(_FILL, at)
        if at < 0 or at + 1 >= len(data):
            return None
        marker = data[at + 1]
        if marker == _END_OF_IMAGE:
            return at + 2
        if marker == _FILL:
            at += 1
        elif marker == 0 or marker in _ALONE:
            at += 2
        else:
            if at + 4 > len(data):
                return None
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")


def is_cut_short(data: bytes) -> bool:
    """Whether `data` begins as a JPEG and never comes to its end."""
    return data.startswith(START) and end_of_picture(data) is None
