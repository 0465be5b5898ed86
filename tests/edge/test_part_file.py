"""What of a part is believed after a restart and after a power cut."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest

from contract.digest import digest_of
from edge.durable import Disk, DiskError
from edge.part_file import PAUSE_S, SYNC_BYTES, SYNC_S, PartFile, boot_id, journal_of
from tests.edge.spoilt_part import cut_power, journal_in

CONTENT = random.Random(1).randbytes(3 * SYNC_BYTES)
URL = "http://fleet.example/a.bundle?token=secret"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.part"


def opened(path: Path, *, boot: str = "first", disk: Disk | None = None, step_s: float = 1.0) -> PartFile:
    """By a clock that goes on by `step_s` whenever it is looked at."""
    clock = itertools.count(0.0, step_s).__next__
    return PartFile(path, digest_of(CONTENT), len(CONTENT), disk or Disk(), boot=boot, clock=clock)


def begun(path: Path, size: int, *, etag: str = "") -> PartFile:
    """Synced at the last whole MiB."""
    part = opened(path, step_s=0.0)
    part.began(URL, etag)
    add(part, size // SYNC_BYTES * SYNC_BYTES)
    part.sync()
    add(part, size)
    return part


def add(part: PartFile, up_to: int) -> None:
    while part.size < up_to:
        part.add(CONTENT[part.size : min(up_to, part.size + 65536)])


class Counting(Disk):
    """Remembers what was synced and replaced."""

    def __init__(self) -> None:
        self.synced: list[str] = []

    def sync(self, path: Path) -> None:
        self.synced.append(path.name)
        super().sync(path)


def test_a_new_part_is_empty(path: Path) -> None:
    part = opened(path)
    assert (part.size, part.full, part.right, part.digest) == (0, False, False, digest_of(b""))
    assert path.read_bytes() == b""


def test_a_whole_part_is_right_and_leaves_no_journal(path: Path) -> None:
    part = begun(path, len(CONTENT))
    assert (part.full, part.right, part.stored) == (True, True, len(CONTENT))
    part.finish()
    assert list(path.parent.iterdir()) == [path]
    assert opened(path, boot="second").right


@pytest.mark.parametrize(
    ("line", "step_s", "syncs"), [("usual", PAUSE_S / 16, 3), ("fast", PAUSE_S / 32, 1), ("slow", SYNC_S / 2, 24)]
)
def test_it_is_synced_now_and_then_and_the_journal_follows(path: Path, line: str, step_s: float, syncs: int) -> None:
    disk = Counting()
    part = opened(path, disk=disk, step_s=step_s)
    add(part, len(CONTENT))
    assert disk.synced.count("a.part") == disk.synced.count("a.part.journal.new") == syncs, line
    part.sync()
    part.sync()
    assert journal_in(path).sha256 == digest_of(CONTENT)
    assert disk.synced.count("a.part") <= syncs + 1


def test_what_a_killed_process_wrote_is_believed(path: Path) -> None:
    begun(path, SYNC_BYTES + 500_000, etag='"v1"')
    part = opened(path)
    assert (part.size, part.digest) == (SYNC_BYTES + 500_000, digest_of(CONTENT[: SYNC_BYTES + 500_000]))
    assert (part.etag(URL), part.etag("http://elsewhere/")) == ('"v1"', "")


@pytest.mark.parametrize("tail", [b"", b"\0" * 70_000, b"!", bytes(len(CONTENT))])
def test_after_a_power_cut_the_journal_alone_is_believed(path: Path, tail: bytes) -> None:
    begun(path, SYNC_BYTES + 500_000, etag='"v1"')
    cut_power(path, tail=tail)
    part = opened(path)
    assert (part.size, part.etag(URL)) == (SYNC_BYTES, '"v1"')
    assert path.read_bytes() == CONTENT[:SYNC_BYTES]
    add(part, len(CONTENT))
    assert part.right


def test_a_kernel_that_names_no_boot_leaves_the_journal_alone_to_be_believed(path: Path) -> None:
    part = opened(path, boot="", step_s=0.0)
    add(part, SYNC_BYTES)
    part.sync()
    add(part, SYNC_BYTES + 500_000)
    assert opened(path, boot="").size == SYNC_BYTES


@pytest.mark.parametrize("spoilt", ["middle", "shorter", "no journal", "no json", "newer journal", "another file"])
def test_what_cannot_be_believed_is_deleted_before_a_byte_is_fetched(
    path: Path, spoilt: str, caplog: pytest.LogCaptureFixture
) -> None:
    begun(path, SYNC_BYTES)
    if spoilt == "middle":
        cut_power(path, tail=b"!", overwrite=True)
    elif spoilt == "shorter":
        path.write_bytes(CONTENT[: SYNC_BYTES - 1])
    elif spoilt == "no journal":
        journal_of(path).unlink()
    else:
        journal = journal_of(path).read_bytes()
        changed = {
            "no json": b"\0" * 100,
            "newer journal": journal.replace(b'"schema":1', b'"schema":2'),
            "another file": journal.replace(digest_of(CONTENT).encode(), digest_of(b"").encode()),
        }
        journal_of(path).write_bytes(changed[spoilt])
    part = opened(path)
    assert (part.size, path.read_bytes(), journal_of(path).exists()) == (0, b"", False)
    assert "cannot be trusted, and are deleted" in caplog.text


def test_a_whole_part_is_believed_without_a_journal(path: Path) -> None:
    path.write_bytes(CONTENT)
    assert opened(path).right


def test_a_part_that_is_too_long_falls_back_to_its_journal(path: Path) -> None:
    begun(path, SYNC_BYTES)
    with path.open("ab") as file:
        file.write(bytes(len(CONTENT)))
    assert opened(path).size == SYNC_BYTES


def test_a_part_that_was_started_anew_forgets_its_journal_first(path: Path) -> None:
    part = begun(path, SYNC_BYTES, etag='"v1"')
    part.restart()
    assert (part.size, part.etag(URL), part.stored) == (0, "", SYNC_BYTES)
    assert list(path.parent.iterdir()) == [path]
    part.remove()
    assert list(path.parent.iterdir()) == []


def test_the_journal_holds_no_secrets(path: Path) -> None:
    begun(path, 1000)
    assert b"secret" not in journal_of(path).read_bytes()


def test_a_disk_that_refuses_is_named(path: Path) -> None:
    class Refusing(Disk):
        def truncate(self, path: Path, size_bytes: int) -> None:
            raise OSError(5, "Input/output error")

    begun(path, SYNC_BYTES)
    cut_power(path, tail=b"!")
    with pytest.raises(DiskError, match="mending the download failed: Input/output error"):
        opened(path, disk=Refusing())


def test_this_machine_names_its_boot() -> None:
    assert len(boot_id()) == 36
    assert boot_id() == boot_id()
