"""Keeps what C libraries write straight to standard error off it, where it says nothing a person needs.

LiteRT announces its delegate when a model is opened; libpng and libjpeg complain about a damaged picture that becomes
one of our errors anyway. None of them has a switch that reaches file descriptor 2 from Python.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_CHATTER = (b"INFO: ", b"libpng ", b"Corrupt JPEG data", b"Premature end of JPEG", b"Invalid SOS parameters")
_STDERR = 2
_one_at_a_time = threading.Lock()
"""Two threads would give each other's file back as the real one."""


@contextmanager
def chatter_left_out() -> Iterator[None]:
    """Hold back what is written to descriptor 2 inside the block, then write on all but the chatter.

    Lines of other threads come late by the time the block takes, and are never lost. About 20 us.
    """
    with _one_at_a_time, os.fdopen(os.memfd_create("chatter"), "w+b") as held:
        kept = os.dup(_STDERR)
        os.dup2(held.fileno(), _STDERR)
        try:
            yield
        finally:
            os.dup2(kept, _STDERR)
            os.close(kept)
            held.seek(0)
            for line in held:
                if not line.startswith(_CHATTER):
                    os.write(_STDERR, line)
