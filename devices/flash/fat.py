"""Files on a FAT volume inside an image or on a card, without mounting it: ChaN's FatFs, by `fatfs-ng`.

The library is imported here alone (extra `[flash]`). pyfatfs, the other one, needs PyFilesystem2, which current
setuptools cannot import any more.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from contract.errors import MissingPartError, UpdateError
from devices.flash.fat_layout import FatLayout
from devices.flash.partitions import SECTOR_BYTES, Partition

_FOLDER_SPARE = 16
"""Clusters set aside for new folders and their long names."""


class FatFiles:
    """`BootFiles` of one partition; `close` it, or what was written is not whole."""

    def __init__(self, fd: int, partition: Partition, layout: FatLayout, *, where: str) -> None:
        self._fd, self._partition, self._layout, self._where = fd, partition, layout, where
        self._written: list[str] = []
        self._volume = self._mounted()

    def read(self, path: str) -> bytes | None:
        """Its bytes, or None. Read without the library, so that the library's work is checked."""
        return self._layout.read(path)

    def write(self, path: str, chunks: Iterable[bytes]) -> None:
        """Make or replace it. UpdateError where the card or the library says no."""
        try:
            folder = str(PurePosixPath(path).parent)
            if folder != ".":
                self._volume.makedirs(f"/{folder}", exist_ok=True)
            with self._volume.open(f"/{path}", "w") as file:
                for chunk in chunks:
                    file.write(chunk)
        except OSError as problem:
            raise self._failed(path, "written") from problem
        self._written.append(path)

    def remove(self, path: str) -> None:
        """Take it away."""
        try:
            self._volume.remove(f"/{path}")
        except OSError as problem:
            raise self._failed(path, "removed") from problem

    def below(self, folder: str) -> tuple[str, ...]:
        """Files in it and below."""
        if not self._volume.isdir(f"/{folder}"):
            return ()
        return tuple(
            sorted(f"{top}/{name}".strip("/") for top, _, names in self._volume.walk(f"/{folder}") for name in names)
        )

    def room(self, sizes_bytes: Iterable[int], freed_bytes: Iterable[int]) -> int:
        """Counted in clusters, as the volume does."""
        size = self._layout.cluster_bytes
        needed = sum(-(-n // size) for n in sizes_bytes)
        freed = sum(-(-n // size) for n in freed_bytes)
        return (self._layout.free_clusters() + freed - needed - _FOLDER_SPARE) * size

    def settle(self) -> None:
        """Flush, fix the dates, and mount again past the cache of the system."""
        self.close()
        self._layout.fix_dates(self._written)
        os.fsync(self._fd)
        os.posix_fadvise(self._fd, 0, 0, os.POSIX_FADV_DONTNEED)
        self._volume = self._mounted()

    def close(self) -> None:
        """Unmount, and hand everything to the system."""
        self._volume.unmount()
        self._bytes.flush()
        self._bytes.close()

    def _mounted(self) -> Any:
        try:
            from fatfs import create_extended_partition
        except ImportError as problem:
            raise MissingPartError(
                "editing an image needs fatfs-ng", where="--to image:", fix="pip install 'edgeferry[flash]'"
            ) from problem
        offset, size = self._partition.offset_bytes, self._partition.size_bytes
        skipped = offset % mmap.ALLOCATIONGRANULARITY
        self._bytes = mmap.mmap(self._fd, skipped + size, offset=offset - skipped)
        volume = create_extended_partition(_disk(self._bytes, skipped, size))
        volume.mount()
        return volume

    def _failed(self, path: str, done: str) -> UpdateError:
        return UpdateError(
            f"{path} cannot be {done} on its boot partition", where=self._where, fix="Check the card, or the image."
        )


def _disk(mapped: mmap.mmap, start: int, size_bytes: int) -> Any:
    """The partition as the library asks for it: sectors by number, counts in bytes.

    Mapped, because it asks cluster by cluster: with a system call each, 90 MB took ten times as long.
    """
    from fatfs.diskio import Disk

    class Stretch(Disk):  # type: ignore[misc]
        def ioctl_get_sector_count(self) -> int:
            return size_bytes // SECTOR_BYTES

        def ioctl_get_sector_size(self) -> int:
            return SECTOR_BYTES

        def ioctl_get_block_size(self) -> int:
            return 1

        def read(self, sector: int, count: int) -> bytes:
            at = self._offset(sector, count)
            return mapped[at : at + count]

        def write(self, sector: int, count: int, buff: bytes) -> None:
            at = self._offset(sector, count)
            mapped[at : at + count] = buff

        def _offset(self, sector: int, count: int) -> int:
            """Nothing outside the partition is ever touched, whatever a damaged table says."""
            offset = sector * SECTOR_BYTES
            if offset + count > size_bytes:
                raise OSError("beyond the end of the partition")
            return start + offset

    return Stretch()
