"""What first-boot settings are written onto: the files of a boot partition, wherever it is.

Three kinds: inside an image or on a card (`fat.py`), in a mounted folder (`boot_folder.py`), below a root file system
(`overlay.py`). Paths are POSIX, relative, ASCII; upper and lower case are not told apart, as on FAT.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol


class BootFiles(Protocol):
    """The files of one boot partition."""

    def read(self, path: str) -> bytes | None:
        """A file's bytes; None where there is none."""
        ...

    def write(self, path: str, chunks: Iterable[bytes]) -> None:
        """Make or replace a file, and the folders above it."""
        ...

    def remove(self, path: str) -> None:
        """Take a file away."""
        ...

    def below(self, folder: str) -> tuple[str, ...]:
        """Every file in `folder` and below, sorted; none where there is no such folder."""
        ...

    def room(self, sizes_bytes: Iterable[int], freed_bytes: Iterable[int]) -> int:
        """Bytes that would be left if files of these sizes came and those went; negative where it is not enough."""
        ...

    def settle(self) -> None:
        """Have everything on the disk, and read from there from now on."""
        ...
