from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.durable import Disk
from edge.scene.store import NoRoomError, Store, safe_name

BLOCK = 4096


def name(second: int, suffix: str = "jpg", source: str = "cam") -> str:
    return f"20260101T0000{second:02d}.000Z_{source}_crossed-door_{second}.{suffix}"


def held(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


class WatchingDisk(Disk):
    """Looks at the folder's size whenever something was written."""

    def __init__(self) -> None:
        self.most_bytes = 0

    def sync(self, path: Path) -> None:
        folder = path if path.is_dir() else path.parent
        self.most_bytes = max(self.most_bytes, held(folder))
        super().sync(path)


def test_the_oldest_is_deleted_first_with_what_is_said_about_it(tmp_path: Path) -> None:
    store = Store(tmp_path, "cam", 4 * BLOCK)
    for second in (1, 2, 3):
        store.write(name(second), b"x" * 10)
        store.write(name(second, "json"), b"{}")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        name(second, suffix) for second in (2, 3) for suffix in ("jpg", "json")
    )
    assert (store.deleted, store.held_bytes) == (1, 4 * BLOCK)


@settings(max_examples=25, deadline=None)  # each waits for the disk
@given(sizes=st.lists(st.integers(0, 5 * BLOCK), min_size=1, max_size=25))
def test_the_limit_holds_at_every_moment(sizes: list[int], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder, disk = tmp_path_factory.mktemp("kept"), WatchingDisk()
    store = Store(folder, "cam", 4 * BLOCK, disk)
    for second, size in enumerate(sizes):
        if size > 4 * BLOCK:
            with pytest.raises(NoRoomError):
                store.write(name(second), b"x" * size)
        else:
            store.write(name(second), b"x" * size)
    assert disk.most_bytes <= 4 * BLOCK
    assert held(folder) <= store.held_bytes <= 4 * BLOCK


def test_a_file_that_grows_pushes_out_older_ones_and_stops_at_the_limit(tmp_path: Path) -> None:
    store = Store(tmp_path, "cam", 3 * BLOCK)
    store.write(name(1), b"old")
    clip = store.create(name(2, "mjpeg"))
    for _ in range(3):
        clip.append(b"x" * BLOCK)
    with pytest.raises(NoRoomError):
        clip.append(b"x")
    # It is older than this, and nothing else could go.
    with pytest.raises(NoRoomError):
        store.write(name(3), b"new")
    clip.close()
    assert [path.name for path in tmp_path.iterdir()] == [name(2, "mjpeg")]
    store.write(name(3), b"new")
    assert [path.name for path in tmp_path.iterdir()] == [name(3)]


def test_what_an_earlier_run_left_counts_and_foreign_files_are_left_alone(tmp_path: Path) -> None:
    for second in range(5):
        (tmp_path / name(second)).write_bytes(b"x" * BLOCK)
    (tmp_path / name(9, "jpg.new")).write_bytes(b"half")
    (tmp_path / name(8)).mkdir()
    (tmp_path / "holiday.jpg").write_bytes(b"x" * 10 * BLOCK)
    (tmp_path / name(0, source="cam-2")).write_bytes(b"x")
    store = Store(tmp_path, "cam", 3 * BLOCK)
    assert (store.held_bytes, store.deleted) == (3 * BLOCK, 2)
    assert {path.name for path in tmp_path.iterdir()} == {
        "holiday.jpg", name(8), name(0, source="cam-2"), *(name(second) for second in (2, 3, 4)),
    }  # fmt: skip


def test_a_piece_the_disk_refuses_leaves_the_whole_ones(tmp_path: Path) -> None:
    store = Store(tmp_path, "cam", 10 * BLOCK)
    clip = store.create(name(1, "mjpeg"))
    clip.append(b"whole")
    real, clip._file = clip._file, _Short(clip._file)  # type: ignore[assignment]
    with pytest.raises(OSError, match="No space left"):
        clip.append(b"halfway")
    clip._file = real
    clip.append(b" again")
    clip.close()
    assert (tmp_path / name(1, "mjpeg")).read_bytes() == b"whole again"


class _Short:
    """A file on a disk that fills up in the middle of a write."""

    def __init__(self, file: object) -> None:
        self._file = file

    def write(self, piece: bytes) -> int:
        return int(self._file.write(piece[:3]))  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)


@pytest.mark.parametrize(
    ("text", "safe"),
    [("front door", "front-door"), ("../../etc/passwd", "etc-passwd"), ("/dev/video0", "dev-video0"), ("", "unnamed"),
     ("..", "unnamed"), ("Tür\n", "T-r"), ("x" * 500, "x" * 60), ("a_b", "a-b")],
)  # fmt: skip
def test_names_are_safe(text: str, safe: str) -> None:
    assert safe_name(text) == safe
