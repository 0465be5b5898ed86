"""Room for all pictures of a data set: one array, in memory or, above a limit, in a file the system pages in and out.

The file has no name from the beginning, so it is gone with the process, however that ends. It lies where Python keeps
temporary files (`TMPDIR`), which should be a disk: where that is memory, nothing is saved.
"""

from __future__ import annotations

import mmap
import os
import tempfile

import numpy as np
from numpy.typing import NDArray

from contract.errors import DataError

MIB = 2**20


def room(shape: tuple[int, ...], *, in_memory_mib: int) -> NDArray[np.uint8]:
    """A writable uint8 array of zeros; DataError where the disk has no room for a large one."""
    size = int(np.prod(shape, dtype=np.int64))
    if size <= in_memory_mib * MIB:
        return np.zeros(shape, np.uint8)
    with tempfile.TemporaryFile() as file:
        try:
            _reserve(file.fileno(), size)
        except OSError as problem:
            raise DataError(
                f"{size // MIB} MiB of fitted pictures find no room: {problem.strerror}",
                where=tempfile.gettempdir(),
                fix="Name a roomier disk in TMPDIR, or raise data.in_memory_mib.",
            ) from problem
        return np.frombuffer(mmap.mmap(file.fileno(), size), np.uint8, size).reshape(shape)


def _reserve(descriptor: int, size: int) -> None:
    """All of it now: a page that finds no room later would end the process with SIGBUS."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:
        os.ftruncate(descriptor, size)


def put_in_order(frames: NDArray[np.uint8], order: NDArray[np.int64]) -> None:
    """`frames[:] = frames[order]` without a second array; `order` is a permutation of the rows."""
    placed = np.zeros(len(order), bool)
    for start in range(len(order)):
        if placed[start] or order[start] == start:
            continue
        first, here = frames[start].copy(), start
        while order[here] != start:  # one cycle of the permutation: each row takes the next one's place
            frames[here] = frames[order[here]]
            placed[here], here = True, int(order[here])
        frames[here] = first
        placed[here] = True
