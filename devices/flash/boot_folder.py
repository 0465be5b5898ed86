"""A mounted boot partition, or any folder, as `BootFiles`: replaced whole, synced, read back."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from contract.errors import ConfigError, UpdateError

_SPARE_BYTES = 1 << 20


class FolderFiles:
    """`BootFiles` of a folder."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise ConfigError("there is no such folder", where=str(folder), fix="Mount the card's boot partition.")
        self._folder = folder

    def read(self, path: str) -> bytes | None:
        """Its bytes, or None."""
        try:
            return (self._folder / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as problem:
            raise self._failed(path, "read", problem) from problem

    def write(self, path: str, chunks: Iterable[bytes], *, mode: int = 0o644) -> None:
        """Write beside it, sync, rename. `mode` counts where the file system keeps one."""
        target = self._folder / path
        beside = target.with_name(f".{target.name}.new")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(target)
            _sync_folder(target.parent)
        except OSError as problem:
            beside.unlink(missing_ok=True)
            raise self._failed(path, "written", problem) from problem

    def remove(self, path: str) -> None:
        """Take it away."""
        try:
            (self._folder / path).unlink()
        except OSError as problem:
            raise self._failed(path, "removed", problem) from problem

    def below(self, folder: str) -> tuple[str, ...]:
        """Files in it and below."""
        found = (self._folder / folder).rglob("*")
        return tuple(sorted(path.relative_to(self._folder).as_posix() for path in found if path.is_file()))

    def room(self, sizes_bytes: Iterable[int], freed_bytes: Iterable[int]) -> int:
        """By what the file system says is free, in its blocks; a replaced file goes only after the new one is whole."""
        block = os.statvfs(self._folder).f_frsize
        needed = sum(-(-n // block) * block for n in sizes_bytes)
        return shutil.disk_usage(self._folder).free - needed - _SPARE_BYTES

    def settle(self) -> None:
        """Every file is synced as it is written; only the folder itself is left."""
        _sync_folder(self._folder)

    def _failed(self, path: str, done: str, problem: OSError) -> UpdateError:
        return UpdateError(
            f"{path} cannot be {done}: {problem.strerror}", where=str(self._folder), fix="Check the card and its mount."
        )


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
