"""JPEG pictures one behind the other, as cameras and encoders write them to a pipe, cut into single ones."""

from __future__ import annotations

from edge.frames import Pixels
from edge.jpeg import START, find_end
from edge.pictures import decode_picture

LIMIT_BYTES = 64 * 1024**2
"""A picture that has not ended by then is not one; the search begins again behind it."""


class MjpegStream:
    """Bytes in, pictures out; one that breaks off where the next begins comes out broken."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._searched = 0
        """How far the picture at the beginning of `_held` was searched for its end; 0 when there is none."""

    def feed(self, data: bytes) -> None:
        """More bytes, cut anywhere."""
        self._held += data

    def next_picture(self) -> bytes | None:
        """The oldest whole picture, or None until more bytes have come. What is between pictures is skipped."""
        if not self._searched and not self._begin():
            return None
        end, self._searched = find_end(self._held, self._searched)
        if end is not None:
            picture = bytes(self._held[:end])
            self._drop(end)
            return picture
        if len(self._held) > LIMIT_BYTES:
            self._drop(len(START))
        return None

    def left_over(self) -> bytes:
        """The beginning of a picture whose rest has not come."""
        return bytes(self._held) if self._searched else b""

    def decode(self, picture: bytes, where: str) -> Pixels:
        """The picture as (h, w, 3) BGR, or DamagedFrameError."""
        return decode_picture(picture, where=where)

    def _begin(self) -> bool:
        start = self._held.find(START)
        # Without a start, the last byte may be the first half of one.
        del self._held[: start if start >= 0 else -1]
        self._searched = len(START) if start >= 0 else 0
        return start >= 0

    def _drop(self, count: int) -> None:
        del self._held[:count]
        self._searched = 0
