"""Files that must be whole after a power cut: the only code of this room that calls fsync and rename.

Whatever an update changes on the disk goes through a `Disk`. Its verbs are the moments at which power may go; a test
hands in a disk that dies at each of them in turn, and one that loses what was not synced. The order is the known one
(write, fsync the file, rename, fsync the folder: rename(2), fsync(2)); ext4 and FAT promise nothing less strict.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

from contract.codec import from_json
from contract.errors import UpdateError

T = TypeVar("T")


class DiskError(UpdateError):
    """No room left, or the disk refused to write."""


class Disk:
    """The real disk. OSError passes through as it is: callers say what they were about to do."""

    def write(self, path: Path, data: bytes) -> None:
        """Put `data` into `path`; nothing is promised before `sync`."""
        path.write_bytes(data)

    def append(self, path: Path, data: bytes) -> None:
        """Add `data` to the end of `path`, which is made where it is missing."""
        with path.open("ab") as file:
            file.write(data)

    def truncate(self, path: Path, size_bytes: int) -> None:
        """Cut `path`, which is no shorter, after its first `size_bytes`."""
        os.truncate(path, size_bytes)

    def make_folder(self, path: Path) -> None:
        """An empty folder; its parent must be there, and it must not."""
        path.mkdir()

    def remove(self, path: Path) -> None:
        """A file that is there."""
        path.unlink()

    def remove_folder(self, path: Path) -> None:
        """A folder with all that is in it, one `remove` after the other."""
        for entry in sorted(path.iterdir()):
            if entry.is_dir() and not entry.is_symlink():
                self.remove_folder(entry)
            else:
                self.remove(entry)
        path.rmdir()

    def sync(self, path: Path) -> None:
        """Wait until a file's bytes, or a folder's names, are on the medium."""
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def rename(self, source: Path, target: Path) -> None:
        """Atomically; an existing file is replaced."""
        source.replace(target)

    def replace_file(self, path: Path, data: bytes) -> None:
        """`path` holds either what it held or all of `data`, whenever power goes."""
        beside = path.with_name(path.name + ".new")
        self.write(beside, data)
        self.sync(beside)
        self.rename(beside, path)
        self.sync(path.parent)


def disk_error(doing: str, path: Path, problem: OSError) -> DiskError:
    """The sentence for an OSError met while writing."""
    return DiskError(
        f"{doing} failed: {problem.strerror or problem}",
        where=str(path),
        fix="Free some space, or check the disk and its permissions.",
    )


def read_record(path: Path, kind: type[T], *, newest_schema: int, without_it: str) -> T:
    """The JSON record in `path`; UpdateError, saying what happens `without_it`, where the medium has spoilt it."""
    try:
        return from_json(path.read_bytes(), kind, where=str(path), error=UpdateError, newest_schema=newest_schema)
    except (OSError, UpdateError) as problem:
        raise UpdateError(
            f"this record cannot be read: {problem.what if isinstance(problem, UpdateError) else problem.strerror}",
            where=str(path),
            fix=f"Delete this file; {without_it}.",
        ) from problem
