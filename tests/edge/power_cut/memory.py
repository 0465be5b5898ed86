"""Where campaigns make their folders: in memory, because that something was synced is the model's matter there."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MEMORY = Path("/dev/shm")


@contextmanager
def folder_in_memory() -> Iterator[Path]:
    """An empty folder, gone afterwards; on the disk where the system keeps none in memory, and then it is slow."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as place:
        yield Path(place)
