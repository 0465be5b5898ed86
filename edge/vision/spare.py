"""A vision process started before it is needed: its imports, most of a start, are done while another one serves.

It holds no model and no camera, about 23 MiB of its own (numpy and OpenCV), and waits for its `Begin`. A device that is
short of memory does without; a start then takes as long as it takes.
"""

from __future__ import annotations

from collections.abc import Sequence

from edge.memory import available_bytes
from edge.vision.process import VisionProcess

ROOM_BYTES = 128 << 20
"""A spare is kept only while so much is free beside it."""


class Spare:
    """At most one process in waiting. For one thread."""

    def __init__(self, program: Sequence[str], *, room_bytes: int = ROOM_BYTES) -> None:
        self._program, self._room_bytes = program, room_bytes
        self._waiting: VisionProcess | None = None

    def warm(self) -> None:
        """Have one, if there is room."""
        if self._waiting is None and available_bytes() > self._room_bytes:
            self._waiting = VisionProcess(self._program)

    def take(self) -> VisionProcess:
        """The one that waits, if it is well, or a new one; the caller's from now on."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None and waiting.alive:
            return waiting
        if waiting is not None:
            waiting.kill()
        return VisionProcess(self._program)

    def close(self) -> None:
        """End it."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.kill()
