"""Prints by how many bytes the peak of this process grew while it fetched one file: URL DIGEST SIZE FOLDER.

A small download goes before it, so that imports and first connections do not count.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from edge.deadline import Deadline
from edge.download import DownloadError, Wanted, fetch
from edge.durable import Disk


def main(url: str, digest: str, size_bytes: int, folder: Path) -> None:
    """Fetch, and print."""
    deadline = Deadline(time.time() + 600.0, threading.Event())
    try:
        fetch(Wanted(url, digest, 1), folder / "small.part", deadline=deadline, disk=Disk(), pauses_s=(0.0,))
    except DownloadError:
        before = _peak_bytes()
    fetch(Wanted(url, digest, size_bytes), folder / "large.part", deadline=deadline, disk=Disk())
    print(_peak_bytes() - before)  # noqa: T201


def _peak_bytes() -> int:
    """VmHWM of proc(5)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
