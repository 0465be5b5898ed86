"""Whether the asking user may read and write a device's file, and which group would let them.

Decided from the mode as the kernel does, so that the sentence can name the missing group; root always may. Access
lists and containers can still say otherwise.
"""

from __future__ import annotations

import grp
import os
import stat
from collections.abc import Collection
from pathlib import Path

_READ_WRITE = 0o6


def may_open(found: os.stat_result, *, user: int, groups: Collection[int]) -> bool:
    """Whether `user` in `groups` may read and write a file with these owners and mode."""
    if user == 0:
        return True
    mode = stat.S_IMODE(found.st_mode)
    shift = 6 if found.st_uid == user else 3 if found.st_gid in groups else 0
    return (mode >> shift) & _READ_WRITE == _READ_WRITE


def refusal(path: Path) -> str | None:
    """None when this process may read and write `path`, else the group that owns it, or "" where only the owner may.

    OSError where the path cannot be looked at.
    """
    found = path.stat()
    if may_open(found, user=os.geteuid(), groups={os.getegid(), *os.getgroups()}):
        return None
    group_may = (stat.S_IMODE(found.st_mode) >> 3) & _READ_WRITE == _READ_WRITE
    return _group_name(found.st_gid) if group_may and found.st_gid != 0 else ""


def _group_name(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
