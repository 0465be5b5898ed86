"""What was accepted survives: files cut anywhere, power that goes at any moment, a medium that cannot be read."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

import pytest

from edge.durable import Disk, DiskError
from edge.vouching.cache import FOLDER, Cache
from edge.vouching.check import judged
from edge.vouching.talk import PINNED, Task, Verdict, Want
from tests.edge.tuf_repository import MAY, TufRepository

FILE = f"{'5a' * 32}.bundle"


def refreshed(repository: TufRepository, state: Path, disk: Disk | None = None) -> Verdict:
    """As `Repository` does it, in this process."""
    cache = Cache(state, disk or Disk())
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        shutil.copy(repository.pinned, scratch / PINNED)
        cache.lend(scratch)

        def fetch(want: Want) -> bytes | None:
            cache.keep(scratch)
            path = repository.folder / want.name
            return path.read_bytes() if path.exists() else None

        verdict = judged(Task(folder=name, file_name=FILE, now_s=MAY + 60.0), fetch)
        cache.keep(scratch)
        return verdict


@pytest.fixture
def repository(tmp_path: Path) -> TufRepository:
    """With three roots."""
    made = TufRepository(tmp_path / "served")
    made.add(FILE)
    made.replace_key("timestamp")
    made.replace_key("root")
    made.publish()
    return made


@pytest.fixture
def state(tmp_path: Path, repository: TufRepository) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    assert refreshed(repository, folder).problem == ""
    return folder


def kept(state: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((state / FOLDER).iterdir())}


def test_what_was_accepted_is_kept_as_it_came(repository: TufRepository, state: Path) -> None:
    served = {path.name: path.read_bytes() for path in repository.folder.iterdir()}
    assert kept(state) == {
        "1.root.json": served["1.root.json"],
        "2.root.json": served["2.root.json"],
        "3.root.json": served["3.root.json"],
        "snapshot.json": served["2.snapshot.json"],
        "targets.json": served["2.targets.json"],
        "timestamp.json": served["timestamp.json"],
    }


def test_a_file_cut_anywhere_is_fetched_anew(repository: TufRepository, state: Path) -> None:
    whole = kept(state)
    for name, data in whole.items():
        for length in range(0, len(data), 61):
            (state / FOLDER / name).write_bytes(data[:length])
            assert refreshed(repository, state).problem == "", f"{name} cut at {length}"
            assert kept(state) == whole


@pytest.mark.parametrize(
    "spoilt", [b"\0" * 500, b"[" * 60_000, b"{}", b" " * 5_000_000], ids=["0", "deep", "{}", "long"]
)
def test_files_a_medium_has_spoilt_are_fetched_anew(repository: TufRepository, state: Path, spoilt: bytes) -> None:
    whole = kept(state)
    for name in whole:
        (state / FOLDER / name).write_bytes(spoilt)
    assert refreshed(repository, state).problem == ""
    assert kept(state) == whole


def test_files_swapped_or_strange_do_no_harm(repository: TufRepository, state: Path) -> None:
    whole = kept(state)
    (state / FOLDER / "4.root.json").write_bytes(whole["2.root.json"])
    (state / FOLDER / "timestamp.json").write_bytes(whole["snapshot.json"])
    (state / FOLDER / "notes.txt").write_text("hello")
    (state / FOLDER / "targets.json.new").write_text("half")
    assert refreshed(repository, state).problem == ""
    assert kept(state)["timestamp.json"] == whole["timestamp.json"]


class PowerCutError(Exception):
    """The end of this life."""


class DyingDisk(Disk):
    """Dies at its nth act; a file being written is then half there."""

    def __init__(self, acts: int) -> None:
        self.left = acts

    def _act(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise PowerCutError

    def write(self, path: Path, data: bytes) -> None:
        try:
            self._act()
        except PowerCutError:
            path.write_bytes(data[: len(data) // 2])
            raise
        super().write(path, data)

    def make_folder(self, path: Path) -> None:
        self._act()
        super().make_folder(path)

    def sync(self, path: Path) -> None:
        self._act()
        super().sync(path)

    def rename(self, source: Path, target: Path) -> None:
        self._act()
        super().rename(source, target)


def test_power_may_go_at_any_moment(repository: TufRepository, tmp_path: Path) -> None:
    for acts in range(100):
        state = tmp_path / f"state{acts}"
        state.mkdir()
        try:
            refreshed(repository, state, DyingDisk(acts))
        except PowerCutError:
            assert refreshed(repository, state).problem == "", f"after {acts} acts"
            assert refreshed(repository, state, DyingDisk(0)).problem == "", "nothing is left to be written"
        else:
            assert acts > 20
            return
    pytest.fail("it never came to an end")


def test_what_was_accepted_counts_though_the_rest_failed(repository: TufRepository, state: Path) -> None:
    old = repository.path("timestamp").read_bytes()
    repository.publish()
    repository.path("targets").unlink()
    assert refreshed(repository, state).problem == "refused"
    repository.path("timestamp").write_bytes(old)
    verdict = refreshed(repository, state)
    assert (verdict.problem, verdict.detail) == ("refused", "New timestamp version 2 must be >= 3")


def test_a_disk_that_refuses_is_named(repository: TufRepository, tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="keeping update metadata failed"):
        refreshed(repository, tmp_path / "absent")


def test_a_refresh_of_what_is_known_writes_nothing(repository: TufRepository, state: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (state / FOLDER).iterdir()}
    begun = time.monotonic()
    assert refreshed(repository, state, DyingDisk(0)).problem == ""
    assert {path: path.stat().st_mtime_ns for path in (state / FOLDER).iterdir()} == before
    assert time.monotonic() - begun < 10.0
