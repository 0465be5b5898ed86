"""JPEG pictures one behind the other, as cameras and encoders write them to a pipe, cut into single ones."""

from __future__ import annotations

from edge.jpeg import START, end_of_picture

LIMIT_BYTES = 64 * 1024**2
"""A picture that has not ended by then is not one; the search begins again behind it."""


class MjpegStream:
    """Bytes in, whole pictures out."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> None:
        """More bytes, cut anywhere."""
        self._held += data

    def next_picture(self) -> bytes | None:
        """The oldest whole picture, or None until more bytes have come. What is between pictures is skipped."""
        start = self._held.find(START)
        if start < 0:
            # The last byte may be the first half of a start.
            del self._held[:-1]
            return None
        end = end_of_picture(self._held, start)
        if end is not None:
            picture = bytes(self._held[start:end])
            del self._held[:end]
            return picture
        if len(self._held) - start > LIMIT_BYTES:
            del self._held[: start + len(START)]
        return None
