"""The seconds before now, as JPEGs in memory, within a hard limit."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from msgspec import Struct


class Encoded(Struct, frozen=True):
    """One frame as it will be written."""

    at_s: float
    jpeg: bytes


class PreRoll:
    """The latest frames: none older than `seconds`, all together never more than `limit_bytes`."""

    def __init__(self, seconds: float, limit_bytes: int) -> None:
        self._seconds, self._limit_bytes = seconds, limit_bytes
        self._frames: deque[Encoded] = deque()
        self.held_bytes = 0

    def __iter__(self) -> Iterator[Encoded]:
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)

    def add(self, frame: Encoded) -> None:
        """Keep `frame`, and forget what is too old or too much; a frame larger than the limit is not kept."""
        while self._frames and (
            self._frames[0].at_s < frame.at_s - self._seconds or self.held_bytes + len(frame.jpeg) > self._limit_bytes
        ):
            self.held_bytes -= len(self._frames.popleft().jpeg)
        if len(frame.jpeg) <= self._limit_bytes:
            self._frames.append(frame)
            self.held_bytes += len(frame.jpeg)
