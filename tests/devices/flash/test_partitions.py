"""Tables as sfdisk writes them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from contract.errors import ConfigError
from devices.flash.partitions import read_partitions
from tests.devices.flash.cards import needs_tools, run


@needs_tools
@pytest.mark.parametrize(("table", "fat", "other"), [("dos", "c", "83"), ("gpt", "U", "L")])
def test_offsets_sizes_and_kinds_are_those_of_sfdisk(table: str, fat: str, other: str, tmp_path: Path) -> None:
    image = tmp_path / "disk.img"
    with image.open("wb") as file:
        file.truncate(64 * 2**20)
    run(
        "sfdisk",
        "--quiet",
        image,
        text=f"label: {table}\nstart=8192, size=16MiB, type={fat}\nsize=8MiB, type={other}\n",
    )
    fd = os.open(image, os.O_RDONLY)
    try:
        found = read_partitions(fd, where="disk.img")
    finally:
        os.close(fd)
    assert [(part.number, part.offset_bytes, part.size_bytes, part.may_be_fat) for part in found] == [
        (1, 8192 * 512, 16 * 2**20, True),
        (2, 8192 * 512 + 16 * 2**20, 8 * 2**20, False),
    ]


@pytest.mark.parametrize(
    "sector",
    [b"", bytes(512), bytes(510) + b"\x55\xaa", bytes(450) + b"\xee" + bytes(59) + b"\x55\xaa"],
)
def test_no_table_is_said_so(sector: bytes, tmp_path: Path) -> None:
    (tmp_path / "disk.img").write_bytes(sector)
    fd = os.open(tmp_path / "disk.img", os.O_RDONLY)
    try:
        with pytest.raises(ConfigError, match="no partition table"):
            read_partitions(fd, where="disk.img")
    finally:
        os.close(fd)
