"""Partition tables of an image or a card: MBR and GPT (UEFI specification 2.10, chapter 5), read only.

Logical partitions inside an extended one are not looked at: no image for these boards keeps its boot files there.
"""

from __future__ import annotations

import os
import struct
from typing import NamedTuple

from contract.errors import ConfigError

SECTOR_BYTES = 512
_TABLE_OFFSET = 446
_FAT_TYPES = frozenset((0x01, 0x04, 0x06, 0x0B, 0x0C, 0x0E, 0xEF))
_GPT_PROTECTIVE = 0xEE
_GPT_ENTRIES_MAX = 128
_FAT_GUIDS = frozenset(
    bytes.fromhex(text)
    for text in (
        "28732ac11ff8d211ba4b00a0c93ec93b",  # EFI system
        "a2a0d0ebe5b9334487c068b6b72699c7",  # Microsoft basic data
    )
)


class Partition(NamedTuple):
    """A stretch of the disk."""

    number: int
    offset_bytes: int
    size_bytes: int
    may_be_fat: bool
    """By its type; its first sector tells for sure."""

    @property
    def end_bytes(self) -> int:
        """Where the next one may begin."""
        return self.offset_bytes + self.size_bytes


def read_partitions(fd: int, *, where: str) -> tuple[Partition, ...]:
    """All partitions in the order of the table; ConfigError where there is no table."""
    sector = os.pread(fd, SECTOR_BYTES, 0)
    if len(sector) < SECTOR_BYTES or sector[510:] != b"\x55\xaa":
        raise _no_table(where)
    found = _gpt(fd, where) if sector[_TABLE_OFFSET + 4] == _GPT_PROTECTIVE else tuple(_mbr(sector))
    if not found:
        raise _no_table(where)
    return found


def _mbr(sector: bytes) -> list[Partition]:
    found = []
    for number in range(1, 5):
        entry = sector[_TABLE_OFFSET + 16 * (number - 1) :][:16]
        kind, start, count = entry[4], *struct.unpack_from("<II", entry, 8)
        if kind and count:
            found.append(Partition(number, start * SECTOR_BYTES, count * SECTOR_BYTES, kind in _FAT_TYPES))
    return found


def _gpt(fd: int, where: str) -> tuple[Partition, ...]:
    header = os.pread(fd, SECTOR_BYTES, SECTOR_BYTES)
    if header[:8] != b"EFI PART":
        raise _no_table(where)
    start, count, size = struct.unpack_from("<QII", header, 72)
    if size < 128 or count > _GPT_ENTRIES_MAX:
        raise _no_table(where)
    table = os.pread(fd, count * size, start * SECTOR_BYTES)
    found = []
    for number in range(1, len(table) // size + 1):
        entry = table[(number - 1) * size :][:size]
        first, last = struct.unpack_from("<QQ", entry, 32)
        if any(entry[:16]) and last >= first:
            size_bytes = (last - first + 1) * SECTOR_BYTES
            found.append(Partition(number, first * SECTOR_BYTES, size_bytes, entry[:16] in _FAT_GUIDS))
    return tuple(found)


def _no_table(where: str) -> ConfigError:
    return ConfigError("this is no image of a disk: it has no partition table", where=where, fix="Give a stock .img.")
