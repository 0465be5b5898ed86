"""What is left when writing ends well, and when it does not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from contract.errors import UpdateError
from devices.flash.outputs import DiskOut, FileOut


def bad_end(out: DiskOut | FileOut) -> None:
    """Write something, then find the image damaged."""
    with out.opened() as fd:
        os.pwrite(fd, b"half", 0)
        raise UpdateError("damaged", where="stock.img", fix="Download it again.")


def test_a_file_that_failed_is_what_it_was_before(tmp_path: Path) -> None:
    out = tmp_path / "out.img"
    with pytest.raises(UpdateError, match="damaged"):
        bad_end(FileOut(out))
    assert list(tmp_path.iterdir()) == []
    out.write_bytes(b"before")
    with pytest.raises(UpdateError, match="damaged"):
        bad_end(FileOut(out))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"out.img": b"before"}


def test_a_card_that_failed_does_not_start(tmp_path: Path) -> None:
    card = tmp_path / "sdb"
    card.write_bytes(b"\xaa" * (3 << 20))
    with pytest.raises(UpdateError, match="damaged"):
        bad_end(DiskOut(card, 3 << 20))
    assert card.read_bytes() == bytes(1 << 20) + b"\xaa" * (2 << 20)


def test_a_card_whose_writing_was_broken_off_does_not_start(tmp_path: Path) -> None:
    card = tmp_path / "sdb"
    card.write_bytes(b"\xaa" * (2 << 20))
    with pytest.raises(KeyboardInterrupt), DiskOut(card, 2 << 20).opened():
        raise KeyboardInterrupt
    assert card.read_bytes()[: 1 << 20] == bytes(1 << 20)


def test_a_full_disk_is_said_and_nothing_is_left(tmp_path: Path) -> None:
    def full() -> None:
        with FileOut(tmp_path / "out.img").opened():
            raise OSError(28, "No space left on device")

    with pytest.raises(UpdateError, match="No space left"):
        full()
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(UpdateError, match="cannot be written"), FileOut(tmp_path / "no/out.img").opened():
        pass
