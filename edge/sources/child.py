"""Frames read by a child process, for what may hang where no deadline reaches: drivers, and FFmpeg on a network.

The child (`child_main.py`) decodes into memory both share and is asked for one frame at a time, so nothing is written
while it is being read. It is ended by SIGKILL: a camera is given back by the kernel then, however its driver feels.

PDEATHSIG follows the thread that started the child, so the reader must be opened by a thread that outlives it or closes
it; a child that is ended by mistake is an outage, and opened anew.
"""

from __future__ import annotations

import json
import mmap
import os
import select
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct

from contract.codec import to_json
from contract.errors import DamagedFrameError, SourceError
from edge.frames import Frame

_PROGRAM = Path(__file__).with_name("child_main.py")
_MESSAGE_BYTES = 4096
_END_S = 1.0


class Asked(Struct, frozen=True, kw_only=True):
    """What the child is to open."""

    address: str
    """A device, URL or file, as OpenCV takes it; never shown: it may hold a password."""
    v4l2: bool = False
    size_wh: tuple[int, int] | None = None
    fps: float | None = None
    eager: bool = True
    """Whether frames nobody asked for are taken and passed over, so that the next one is new; False for files."""


class ChildSource:
    """What the child reads. Opening returns at once; `read` tells when it failed."""

    live = True

    def __init__(
        self, name: str, asked: Asked, *, fix: str, where: str | None = None, environment: dict[str, str] | None = None
    ) -> None:
        """`where` and `fix` are for messages; `environment` is added to the child's."""
        self.name = name
        self._where = where or name
        self.skipped = 0
        """Frames passed over for newer ones."""
        self._fix, self._index = fix, 0
        self._wanted = False
        self._memory: mmap.mmap | None = None
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._child = subprocess.Popen(
                [sys.executable, str(_PROGRAM), str(theirs.fileno()), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={**os.environ, **(environment or {})},
            )
        self._control.send(to_json(asked))

    def read(self, timeout_s: float) -> Frame | None:
        """The newest frame, copied out; SourceError when the camera cannot be opened or gives no more."""
        until = time.monotonic() + timeout_s
        while True:
            if not self._wanted:
                self._ask()
            if not select.select([self._control], [], [], max(until - time.monotonic(), 0.0))[0]:
                raise TimeoutError
            frame = self._answer()
            if frame is not None:
                return frame

    def close(self) -> None:
        """End the child."""
        self._child.kill()
        # A driver that never returns from the kernel keeps even a killed child; it is left behind.
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(_END_S)
        self._control.close()
        if self._memory is not None:
            self._memory.close()

    def _ask(self) -> None:
        # When it is gone, what it said before that is still to be read.
        with suppress(BrokenPipeError):
            self._control.send(b"w")
        self._wanted = True

    def _answer(self) -> Frame | None:
        """The child's next message as a frame; None for one that is none."""
        try:
            data, descriptors, _, _ = socket.recv_fds(self._control, _MESSAGE_BYTES, 1)
        except ConnectionResetError:
            # It went without reading our wish. What it said before that comes after this error.
            return None
        if not data:
            raise self._gone()
        answer: dict[str, Any] = json.loads(data)
        if "failed" in answer:
            raise SourceError("it cannot be opened", where=self._where, fix=self._fix)
        if "over" in answer:
            after = f"after {self._index} frames" if self._index else "before the first frame"
            raise SourceError(f"it ended {after}", where=self._where, fix=self._fix)
        if "at" not in answer:
            return None
        for descriptor in descriptors:
            if self._memory is not None:
                self._memory.close()
            self._memory = mmap.mmap(descriptor, 0, prot=mmap.PROT_READ)
            os.close(descriptor)
        return self._frame(answer)

    def _frame(self, answer: dict[str, Any]) -> Frame:
        self._wanted, self.skipped = False, answer["skipped"]
        index, mono = self._index, answer["at"]
        self._index += 1
        at = time.time() - (time.monotonic() - mono)
        if "damaged" in answer:
            problem = DamagedFrameError("the frame could not be decoded", where=self._where, fix=self._fix)
            return Frame(self.name, index, at, mono, None, problem)
        assert self._memory is not None
        shape = answer["shape"]
        pixels = np.frombuffer(self._memory, np.uint8, int(np.prod(shape))).reshape(shape).copy()
        return Frame(self.name, index, at, mono, pixels)

    def _gone(self) -> SourceError:
        return SourceError("the process that reads it died", where=self._where, fix=self._fix)
