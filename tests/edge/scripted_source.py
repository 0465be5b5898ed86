"""A source that gives what a test wrote down, when the test says so: the seam `edge.sources.Source`."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from contract.errors import DamagedFrameError, SourceError
from edge.frames import Frame
from tests.edge.colours import BGR, plain

DAMAGED = DamagedFrameError("cut short", where="scripted", fix="None.")


class ScriptedSource:
    """Plain pictures by colour, `damaged` frames and `fail`; a live one waits for `let` before each."""

    def __init__(self, script: Iterable[str], *, live: bool = False, gated: bool = False) -> None:
        self.name, self.live = "scripted", live
        self.closed = False
        self.read_count = 0
        self._script = iter(script)
        self._gate = threading.Semaphore(0) if gated else None

    def let(self, frames: int = 1) -> None:
        """Let so many reads through."""
        assert self._gate is not None
        self._gate.release(frames)

    def read(self, timeout_s: float) -> Frame | None:
        if self._gate is not None and not self._gate.acquire(timeout=min(timeout_s, 0.02)):
            raise TimeoutError
        word = next(self._script, None)
        if word is None:
            return None
        if word == "fail":
            raise SourceError("the cable was pulled", where="scripted", fix="Plug it in.")
        index, self.read_count = self.read_count, self.read_count + 1
        return Frame.now("scripted", index, plain(word) if word in BGR else DAMAGED)

    def close(self) -> None:
        self.closed = True
