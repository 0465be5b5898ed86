"""A FAT volume as bytes: how much room it has, and fixed dates for what was written (Microsoft, FAT 1.03).

The library that writes files (`fat.py`) does not tell the room; it stamps files with the time of day, so that two equal
flashings would not be equal bytes; and what it wrote is better read back by code it does not share. Here nothing is
written but dates.
"""

from __future__ import annotations

import os
import struct
from array import array
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from contract.errors import ConfigError

_ENTRY_BYTES = 32
_DIRECTORY, _LABEL, _LONG_NAME = 0x10, 0x08, 0x0F
_FIRST_DAY = 1 << 5 | 1
"""1 January 1980, the oldest date FAT can say."""
_FREE, _END = 0xE5, 0x00


class FatLayout(NamedTuple):
    """Where things are on one FAT16 or FAT32 volume; offsets count from the start of the disk."""

    fd: int
    table_bytes: int
    """Offset of the first allocation table."""
    entry_bytes: int
    """2 (FAT16) or 4 (FAT32) in that table."""
    clusters: int
    cluster_bytes: int
    data_bytes: int
    """Offset of cluster 2."""
    root: int
    """Cluster of the root folder; 0 on FAT16, where it has a place of its own."""
    root_bytes: int
    root_size_bytes: int

    def free_clusters(self) -> int:
        """Counted, not believed: the summary sector may be stale. An entry with reserved bits set counts as taken."""
        return self._table()[2:].count(0)

    def read(self, path: str) -> bytes | None:
        """A file's bytes as they lie on the disk; None where there is none."""
        areas = self._root_areas()
        *folders, last = path.lower().split("/")
        for folder in folders:
            found = [entry for _, name, entry in _entries(self.fd, areas) if name == folder and entry[11] & _DIRECTORY]
            if not found:
                return None
            areas = self._chain(_cluster(found[0]))
        for _, name, entry in _entries(self.fd, areas):
            if name == last and not entry[11] & _DIRECTORY:
                size = struct.unpack_from("<I", entry, 28)[0]
                runs = _joined(self._chain(_cluster(entry)))
                return b"".join(os.pread(self.fd, length, offset) for offset, length in runs)[:size]
        return None

    def fix_dates(self, paths: Sequence[str]) -> None:
        """Give these files, and the folders above them, the oldest date there is."""
        parts = [path.lower().split("/") for path in paths]
        self._fix_dates(self._root_areas(), [names for names in parts if names])

    def _fix_dates(self, areas: list[tuple[int, int]], wanted: list[list[str]]) -> None:
        for offset, name, entry in _entries(self.fd, areas):
            below = [names[1:] for names in wanted if names[0] == name]
            if not below:
                continue
            _stamp(self.fd, offset)
            if entry[11] & _DIRECTORY:
                inside = self._chain(_cluster(entry))
                for dots, dot_name, _ in _entries(self.fd, inside[:1]):
                    if dot_name in (".", ".."):
                        _stamp(self.fd, dots)
                self._fix_dates(inside, [names for names in below if names])

    def _root_areas(self) -> list[tuple[int, int]]:
        return self._chain(self.root) if self.root else [(self.root_bytes, self.root_size_bytes)]

    def _chain(self, cluster: int) -> list[tuple[int, int]]:
        """(offset, size) of each cluster of a file or a folder."""
        found: list[tuple[int, int]] = []
        table, mask = self._table(), 0x0FFFFFFF if self.entry_bytes == 4 else 0xFFFF
        while 2 <= cluster < self.clusters + 2 and len(found) <= self.clusters:
            found.append((self.data_bytes + (cluster - 2) * self.cluster_bytes, self.cluster_bytes))
            cluster = table[cluster] & mask
        return found

    def _table(self) -> array[int]:
        size = (self.clusters + 2) * self.entry_bytes
        return array("I" if self.entry_bytes == 4 else "H", os.pread(self.fd, size, self.table_bytes))


def read_layout(fd: int, offset_bytes: int, *, where: str) -> FatLayout | None:
    """The layout of the volume at `offset_bytes`; None where it is no FAT, ConfigError for one we cannot edit."""
    sector = os.pread(fd, 512, offset_bytes)
    if len(sector) < 512 or sector[510:] != b"\x55\xaa" or sector[0] not in (0xE9, 0xEB):
        return None
    sector_bytes, per_cluster, reserved, tables, root_entries, small, _, table_small = struct.unpack_from(
        "<HBHBHHBH", sector, 11
    )
    large, table_large = struct.unpack_from("<II", sector, 32)
    if not per_cluster or not tables or sector_bytes not in (512, 1024, 2048, 4096):
        return None
    if sector_bytes != 512:
        raise ConfigError(f"its boot partition has sectors of {sector_bytes} bytes", where=where, fix="512 are served.")
    table_sectors = table_small or table_large
    root_size = root_entries * _ENTRY_BYTES
    data_sector = reserved + tables * table_sectors + -(-root_size // 512)
    clusters = ((small or large) - data_sector) // per_cluster
    if clusters < 4085:
        raise ConfigError("its boot partition is a FAT12, as on a floppy disk", where=where, fix="Give a stock image.")
    return FatLayout(
        fd=fd,
        table_bytes=offset_bytes + reserved * 512,
        entry_bytes=2 if clusters < 65525 else 4,
        clusters=clusters,
        cluster_bytes=per_cluster * 512,
        data_bytes=offset_bytes + data_sector * 512,
        root=0 if root_entries else struct.unpack_from("<I", sector, 44)[0],
        root_bytes=offset_bytes + (reserved + tables * table_sectors) * 512,
        root_size_bytes=root_size,
    )


def _entries(fd: int, areas: Sequence[tuple[int, int]]) -> Iterator[tuple[int, str, bytes]]:
    """(offset, name in lower case, the 32 bytes) of each file and folder."""
    long_name = ""
    for start, size in areas:
        block = os.pread(fd, size, start)
        for at in range(0, size, _ENTRY_BYTES):
            entry = block[at : at + _ENTRY_BYTES]
            if entry[0] == _END:
                return
            if entry[0] == _FREE:
                long_name = ""
            elif entry[11] == _LONG_NAME:
                long_name = (entry[1:11] + entry[14:26] + entry[28:32]).decode("utf-16-le", "replace") + long_name
            else:
                name = long_name.split("\0")[0] or _short_name(entry)
                long_name = ""
                if not entry[11] & _LABEL:
                    yield start + at, name.lower(), entry


def _cluster(entry: bytes) -> int:
    high, low = struct.unpack_from("<H", entry, 20)[0], struct.unpack_from("<H", entry, 26)[0]
    return int(high << 16 | low)


def _joined(areas: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Neighbours as one."""
    found: list[tuple[int, int]] = []
    for offset, size in areas:
        if found and sum(found[-1]) == offset:
            found[-1] = (found[-1][0], found[-1][1] + size)
        else:
            found.append((offset, size))
    return found


def _short_name(entry: bytes) -> str:
    stem, suffix = entry[:8].decode("cp437").rstrip(), entry[8:11].decode("cp437").rstrip()
    return f"{stem}.{suffix}" if suffix else stem


def _stamp(fd: int, offset_bytes: int) -> None:
    """Created, read and written on that day."""
    os.pwrite(fd, struct.pack("<BHHH", 0, 0, _FIRST_DAY, _FIRST_DAY), offset_bytes + 13)
    os.pwrite(fd, struct.pack("<HH", 0, _FIRST_DAY), offset_bytes + 22)
