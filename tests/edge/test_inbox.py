"""Orders given at the device."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from contract.errors import BundleError, UpdateError
from edge.durable import Disk, DiskError
from edge.inbox import Inbox
from tests.edge.tiny_bundle import write_bundle


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path, Disk())


def test_nothing_waits_at_first(inbox: Inbox) -> None:
    assert inbox.look() is None
    inbox.clear()


def test_an_order_brings_bundle_and_metadata_along_and_leaves_nothing(inbox: Inbox, tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path, 2)
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick" / "timestamp.json").write_text("{}")
    (tmp_path / "stick" / "readme.txt").write_text("not for us")
    order = inbox.place_install(bundle, tmp_path / "stick")
    assert inbox.look() == order
    assert (order.verb, order.name, order.version, order.size_bytes) == ("install", "tiny", 2, bundle.stat().st_size)
    assert order.digest is not None
    assert inbox.bundle(order.digest).read_bytes() == bundle.read_bytes()
    assert [path.name for path in inbox.metadata.iterdir()] == ["timestamp.json"]
    inbox.clear()
    assert inbox.look() is None
    assert list((tmp_path / "inbox").iterdir()) == []


def test_one_order_at_a_time(inbox: Inbox) -> None:
    inbox.place_roll_back()
    with pytest.raises(UpdateError, match="another order has not been carried out yet"):
        inbox.place_roll_back()


def test_what_an_interrupted_copy_left_is_no_order_and_in_nobodys_way(inbox: Inbox, tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "half.bundle").write_bytes(b"half")
    assert inbox.look() is None
    inbox.place_roll_back()
    assert [path.name for path in (tmp_path / "inbox").iterdir()] == ["order.json"]


@pytest.mark.parametrize("data", [b"", b"{", b'{"verb": "explode"}', b'{"schema": 9, "verb": "install"}', b"\xff"])
def test_an_order_that_cannot_be_read_is_taken_away(inbox: Inbox, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "order.json").write_bytes(data)
    assert inbox.look() is None
    assert list((tmp_path / "inbox").iterdir()) == []


def test_a_file_that_is_no_bundle_is_not_placed(inbox: Inbox, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8" * 100)
    with pytest.raises(BundleError):
        inbox.place_install(tmp_path / "photo.jpg", None)
    assert not (tmp_path / "inbox").exists()


class FullDisk(Disk):
    def append(self, path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_said_and_leaves_no_order(tmp_path: Path) -> None:
    full = Inbox(tmp_path, FullDisk())
    with pytest.raises(DiskError, match="copying the bundle to the device failed: No space left"):
        full.place_install(write_bundle(tmp_path, 2), None)
    assert full.look() is None
