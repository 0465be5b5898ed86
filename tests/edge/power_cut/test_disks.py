"""The two disks: their record is the folder, nothing goes unseen, and a refusal leaves what a real one leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.durable import Disk
from tests.edge.power_cut.disks import FAULTS, Fault, RecordingDisk, RefusingDisk, UnseenChangeError
from tests.edge.power_cut.verbs import (
    FailedSync,
    MakeFolder,
    Remove,
    RemoveFolder,
    Rename,
    Sync,
    Write,
    read_tree,
    write_tree,
)

ONCE_FULL, FULL, ONCE_UNREADABLE, READ_ONLY = FAULTS


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    write_tree({"a": b"old", "f": None, "f/b": b"inside"}, folder)
    return folder


def test_composite_calls_are_recorded_as_their_verbs(root: Path) -> None:
    disk = RecordingDisk(root)
    disk.replace_file(root / "a", b"new")
    disk.remove_folder(root / "f")
    replaced = [Write("a.new", b"new"), Sync("a.new"), Rename("a.new", "a"), Sync(".")]
    assert disk.verbs == [*replaced, Remove("f/b"), RemoveFolder("f")]
    assert read_tree(root) == disk.medium.tree() == {"a": b"new"}


def test_a_change_behind_the_disks_back_is_named(root: Path) -> None:
    disk = RecordingDisk(root)
    (root / "f" / "b").unlink()
    (root / "c").mkdir()
    with pytest.raises(UnseenChangeError, match="after verb 0: c, f/b"):
        disk.sync(root)


@pytest.mark.parametrize(
    ("fault", "then"), [(ONCE_FULL, None), (ONCE_UNREADABLE, None), (FULL, "No space"), (READ_ONLY, "Read-only")]
)
def test_a_disk_refuses_once_or_from_then_on(root: Path, fault: Fault, then: str | None) -> None:
    disk = RefusingDisk(root, 1, fault)
    disk.make_folder(root / "g")
    with pytest.raises(OSError) as refusal:
        disk.make_folder(root / "h")
    assert refusal.value.errno == fault.number
    if then is None:
        disk.make_folder(root / "i")
    else:
        with pytest.raises(OSError, match=then):
            disk.make_folder(root / "i")
    assert MakeFolder("h") not in disk.verbs
    assert disk.refusals == (1 if then is None else 2)


def test_a_full_disk_still_removes_and_a_read_only_one_does_not(root: Path) -> None:
    RefusingDisk(root, 0, FULL).remove(root / "a")
    assert not (root / "a").exists()
    with pytest.raises(OSError, match="Read-only"):
        RefusingDisk(root, 0, READ_ONLY).remove_folder(root / "f")
    assert (root / "f" / "b").exists()


def test_a_refused_write_has_put_half_of_its_bytes(root: Path) -> None:
    with pytest.raises(OSError, match="No space"):
        RefusingDisk(root, 0, ONCE_FULL).write(root / "a", b"123456")
    assert (root / "a").read_bytes() == b"123"
    with pytest.raises(OSError, match="output error"):
        RefusingDisk(root, 0, ONCE_UNREADABLE).append(root / "a", b"456789")
    assert (root / "a").read_bytes() == b"123456"
    with pytest.raises(OSError, match="Read-only"):
        RefusingDisk(root, 0, READ_ONLY).write(root / "a", b"")
    assert (root / "a").read_bytes() == b"123456"


def test_a_refused_sync_is_kept_as_one_that_lost_the_bytes(root: Path) -> None:
    disk: Disk = RefusingDisk(root, 1, ONCE_UNREADABLE)
    disk.write(root / "a", b"new")
    with pytest.raises(OSError, match="output error"):
        disk.sync(root / "a")
    assert isinstance(disk, RecordingDisk)
    assert disk.verbs[-1] == FailedSync("a")
