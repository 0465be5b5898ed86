"""How much memory this process holds."""

from __future__ import annotations

import os
from pathlib import Path


def resident_bytes(proc: Path = Path("/proc")) -> int:
    """Resident set size, from the second field of `/proc/self/statm` (proc(5)); 0 where there is no /proc."""
    try:
        pages = int((proc / "self" / "statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
