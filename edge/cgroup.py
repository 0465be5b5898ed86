"""What the control group allows this process of the machine: a container sees all cores and may use few.

Version 2 only (kernel, admin-guide/cgroup-v2: `cpu.max`, `memory.max`); every folder up to the root may set a limit,
and the tightest counts. Where the files are not there, nothing is limited.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")
_NO_LIMIT = "max"


def usable_cores(root: Path = _ROOT, membership: Path = _MEMBERSHIP) -> int:
    """How many threads of this process can run at once, by its affinity and its group's share; at least 1."""
    allowed = len(os.sched_getaffinity(0))
    share = cpu_share(root, membership)
    return allowed if share is None else max(1, min(allowed, math.ceil(share)))


def cpu_share(root: Path = _ROOT, membership: Path = _MEMBERSHIP) -> float | None:
    """Cores' worth of time the group may use, e.g. 1.5; None without a limit."""
    shares = [int(w[0]) / int(w[1]) for w in _settings("cpu.max", root, membership) if w[0] != _NO_LIMIT]
    return min(shares, default=None)


def memory_limit_bytes(root: Path = _ROOT, membership: Path = _MEMBERSHIP) -> int | None:
    """Beyond this the kernel ends one of the group's processes; None without a limit."""
    limits = [int(w[0]) for w in _settings("memory.max", root, membership) if w[0] != _NO_LIMIT]
    return min(limits, default=None)


def _settings(file: str, root: Path, membership: Path) -> Iterator[list[str]]:
    """The words of `file` in the process's group and in each above it, where it is there."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        number, _, path = line.split(":", 2)
        if number != "0":
            continue
        folder = Path(path.lstrip("/"))
        for group in (folder, *folder.parents):
            try:
                words = (root / group / file).read_text().split()
            except OSError:
                continue
            if words:
                yield words
