"""How much memory a process holds, how to hold less, and how much is left."""

from __future__ import annotations

import os
from pathlib import Path

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_THRESHOLD_BYTES = 128 << 10


def resident_bytes(proc: Path = Path("/proc"), *, pid: int | None = None) -> int:
    """Resident set size of this process, or of another: the second field of `/proc/PID/statm` (proc(5)).

    0 where there is no /proc, or no such process. About 15 us.
    """
    try:
        pages = int((proc / ("self" if pid is None else str(pid)) / "statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def keep_one_heap() -> None:
    """Have glibc give back what is freed, and share one heap among the threads. To be called before the first thread.

    By default each thread has a heap of its own, and the largest block ever freed says how much each of them keeps:
    after an update that is 3 MB. No effect with another C library. mallopt(3).
    """
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, _THRESHOLD_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _THRESHOLD_BYTES)


def available_bytes(proc: Path = Path("/proc")) -> int:
    """What can be had without swapping: MemAvailable (proc(5)); 0 where the kernel does not say."""
    try:
        lines = (proc / "meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError, IndexError):
        return 0
