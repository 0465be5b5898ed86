"""A folder that never grows beyond its limit: what is kept of one source, the oldest deleted first.

Only files with this source's names are counted and deleted; whatever else is in the folder is left alone. A file
counts as the blocks it fills, and room is made before a byte is written, so that the limit holds at every moment.
"""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import BinaryIO

from edge.durable import Disk

_BLOCK_BYTES = 4096
_LONGEST_NAME = 60
_NEW = ".new"
"""What `Disk.replace_file` adds to a name until the file is whole."""


class NoRoomError(Exception):
    """The limit is smaller than what was to be written, with everything else deleted."""


def safe_name(text: str) -> str:
    """`text` as a part of a file name: letters, digits, dots and dashes, at most 60 of them."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text)[:_LONGEST_NAME].strip("-.") or "unnamed"


class Store:
    """Files of one source under `folder`. Used by one thread. OSError passes through: the caller counts it."""

    def __init__(self, folder: Path, source_name: str, limit_bytes: int, disk: Disk | None = None) -> None:
        """What a run before this one left is taken over, half written files are deleted."""
        self._folder, self._limit_bytes, self._disk = folder, limit_bytes, disk or Disk()
        self._ours = re.compile(rf"\d{{8}}T\d{{6}}\.\d{{3}}Z_{re.escape(safe_name(source_name))}_.+\.(jpg|mjpeg|json)")
        # By the name without its ending, the oldest first: at the start as their names say it, from then on as they
        # come, because the clock of a small computer may be years behind until it has met a time server.
        self._files: dict[str, dict[str, int]] = {}
        self._growing: set[str] = set()
        self.held_bytes = self.deleted = 0
        for path in sorted(folder.glob("*")) if folder.is_dir() else ():
            if not path.is_file():
                continue
            if path.name.endswith(_NEW) and self._ours.fullmatch(path.name.removesuffix(_NEW)):
                path.unlink(missing_ok=True)
            elif self._ours.fullmatch(path.name):
                self._count(path.name, path.stat().st_size)
        self._make_room(0)

    def write(self, name: str, data: bytes) -> None:
        """Put `data` into the file `name`, whole or not at all whenever power goes. NoRoomError beyond the limit."""
        self._make_room(_blocks(len(data)), keep=_stem(name))
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / name
        try:
            self._disk.replace_file(path, data)
        except OSError:
            path.with_name(name + _NEW).unlink(missing_ok=True)
            raise
        self._count(name, len(data))

    def create(self, name: str) -> Growing:
        """A new file that grows piece by piece."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / name
        # Unbuffered: what a reader or a power cut finds are whole pieces.
        opened = path.open("wb", buffering=0)
        self._growing.add(_stem(name))
        self._count(name, 0)
        return Growing(self, path, opened)

    def discard(self, stem: str) -> list[str]:
        """Delete what is called `stem`, with any ending; the names it had."""
        sizes = self._files.get(stem, {})
        for name in sizes:
            (self._folder / name).unlink(missing_ok=True)
        self.held_bytes -= sum(sizes.values())
        self._files.pop(stem, None)
        return list(sizes)

    def _grow(self, name: str, before_bytes: int, more_bytes: int) -> None:
        self._make_room(_blocks(before_bytes + more_bytes) - _blocks(before_bytes), keep=_stem(name))
        self._count(name, before_bytes + more_bytes)

    def _make_room(self, more_bytes: int, *, keep: str = "") -> None:
        """Delete the oldest until `more_bytes` fit; a picture goes together with what is said about it.

        What still grows stays: the disk would not give its blocks back before it is closed.
        """
        kept = {keep, *self._growing}
        while self.held_bytes + more_bytes > self._limit_bytes:
            oldest = next((stem for stem in self._files if stem not in kept), None)
            if oldest is None:
                raise NoRoomError
            self.deleted += any(not name.endswith(".json") for name in self.discard(oldest))

    def _count(self, name: str, size_bytes: int) -> None:
        sizes = self._files.setdefault(_stem(name), {})
        held_bytes = _blocks(size_bytes)
        self.held_bytes += held_bytes - sizes.get(name, 0)
        sizes[name] = held_bytes


class Growing:
    """A file of whole pieces, one behind the other."""

    def __init__(self, store: Store, path: Path, opened: BinaryIO) -> None:
        self._store, self._path, self._file = store, path, opened
        self._size_bytes = 0

    def append(self, piece: bytes) -> None:
        """Add `piece`, or nothing of it. NoRoomError beyond the limit, OSError where the disk refuses."""
        before_bytes = self._size_bytes
        self._store._grow(self._path.name, before_bytes, len(piece))
        try:
            written = self._file.write(piece)
            if written != len(piece):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            self._file.truncate(before_bytes)
            self._file.seek(before_bytes)
            self._store._count(self._path.name, before_bytes)
            raise
        self._size_bytes += len(piece)

    def sync(self) -> None:
        """Wait until what was added is on the medium."""
        self._store._disk.sync(self._path)

    def close(self) -> None:
        """Onto the medium, and done."""
        self._file.close()
        self._store._growing.discard(_stem(self._path.name))
        self.sync()


def _blocks(size_bytes: int) -> int:
    return -(-size_bytes // _BLOCK_BYTES) * _BLOCK_BYTES


def _stem(name: str) -> str:
    return name.rsplit(".", 1)[0]
