"""Disks to hand to a program: one that writes down what it is told, and one that refuses at a chosen verb.

Both do what they are told in a real folder. What a program changes there without telling them is found out before the
next verb, because the record alone must say what may be left after a power cut.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import NamedTuple

from edge.durable import Disk
from tests.edge.power_cut.medium import Medium
from tests.edge.power_cut.verbs import (
    Append,
    FailedSync,
    MakeFolder,
    Remove,
    RemoveFolder,
    Rename,
    Sync,
    Truncate,
    Verb,
    Write,
    carry_out,
    read_tree,
)


class UnseenChangeError(AssertionError):
    """A program changed its folder behind the disk's back."""


class RecordingDisk(Disk):
    """Works, and keeps every verb. What `medium` holds of an earlier life may not have been synced yet."""

    def __init__(self, root: Path, *, medium: Medium | None = None) -> None:
        self._root = root
        self.verbs: list[Verb] = []
        self.medium = medium or Medium(read_tree(root))

    def check(self) -> None:
        """UnseenChangeError where the folder is not what the verbs made of it."""
        expected, seen = self.medium.tree(), read_tree(self._root)
        changed = sorted(path for path in expected.keys() | seen.keys() if expected.get(path, 0) != seen.get(path, 0))
        if changed:
            raise UnseenChangeError(f"changed without the disk after verb {len(self.verbs)}: {', '.join(changed)}")

    def write(self, path: Path, data: bytes) -> None:
        """See Disk, as for all that follow."""
        self._do(Write(self._name(path), data))

    def append(self, path: Path, data: bytes) -> None:
        self._do(Append(self._name(path), data))

    def truncate(self, path: Path, size_bytes: int) -> None:
        self._do(Truncate(self._name(path), size_bytes))

    def make_folder(self, path: Path) -> None:
        self._do(MakeFolder(self._name(path)))

    def remove(self, path: Path) -> None:
        self._do(Remove(self._name(path)))

    def remove_folder(self, path: Path) -> None:
        for entry in sorted(path.iterdir()):
            if entry.is_dir() and not entry.is_symlink():
                self.remove_folder(entry)
            else:
                self.remove(entry)
        self._do(RemoveFolder(self._name(path)))

    def sync(self, path: Path) -> None:
        self._do(Sync(self._name(path)))

    def rename(self, source: Path, target: Path) -> None:
        self._do(Rename(self._name(source), self._name(target)))

    def _do(self, verb: Verb) -> None:
        self.check()
        carry_out(verb, self._root)
        self._note(verb)

    def _note(self, verb: Verb) -> None:
        self.medium.apply(verb)
        self.verbs.append(verb)

    def _name(self, path: Path) -> str:
        return str(path.relative_to(self._root))


class Fault(NamedTuple):
    """How a disk refuses."""

    name: str
    number: int
    """The errno."""
    lasting: bool
    """Whether it goes on refusing."""
    refused: tuple[type[Verb], ...]
    """What it refuses once it has begun to."""


_NEEDS_ROOM: tuple[type[Verb], ...] = (Write, Append, MakeFolder, Rename, Sync)
FAULTS = (
    Fault("full once", errno.ENOSPC, False, (Verb,)),
    Fault("full from then on", errno.ENOSPC, True, _NEEDS_ROOM),
    Fault("unreadable once", errno.EIO, False, (Verb,)),
    Fault("read-only from then on", errno.EROFS, True, (Verb,)),
)
"""The last is what ext4 does to a file system whose medium refuses (errors=remount-ro)."""


class RefusingDisk(RecordingDisk):
    """Carries out so many verbs, and then refuses; a refused write has put half of its bytes into the file."""

    def __init__(self, root: Path, works: int, fault: Fault) -> None:
        super().__init__(root)
        self._left, self._fault = works, fault
        self.refusals = 0

    def _do(self, verb: Verb) -> None:
        self._left -= 1
        begun = self._left < 0 if self._fault.lasting else self._left == -1
        if not begun or not isinstance(verb, self._fault.refused):
            super()._do(verb)
            return
        self.check()
        self.refusals += 1
        self._leave_half(verb)
        raise OSError(self._fault.number, os.strerror(self._fault.number))

    def _leave_half(self, verb: Verb) -> None:
        match verb:
            case Write(path=path, data=data) if self._fault.number != errno.EROFS:
                super()._do(Write(path, data[: len(data) // 2]))
            case Append(path=path, data=data) if self._fault.number != errno.EROFS:
                super()._do(Append(path, data[: len(data) // 2]))
            case Sync(path=path):
                self._note(FailedSync(path))
