"""Fetching by HTTP from a real server that breaks off, refuses, lies, or is in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.digest import digest_of
from edge.deadline import Deadline, DeadlineError, StoppingError
from edge.download import DownloadError, Wanted, fetch
from edge.durable import Disk, DiskError
from tests.edge.file_server import FileServer

CONTENT = bytes(range(256)) * 1024


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "a.bundle").write_bytes(CONTENT)
    with FileServer(folder) as running:
        yield running


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "a.part"


def get(server: FileServer, part: Path, *, content: bytes = CONTENT, attempts: int = 2) -> Path:
    wanted = Wanted(f"{server.url}/a.bundle", digest_of(content), len(content))
    return fetch(wanted, part, deadline=in_a_minute(), disk=Disk(), pauses_s=(0.0,) * attempts)


def in_a_minute(stop: threading.Event | None = None) -> Deadline:
    return Deadline(time.time() + 60.0, stop or threading.Event())


def test_a_file_arrives_whole(server: FileServer, part: Path) -> None:
    assert get(server, part).read_bytes() == CONTENT


def test_a_broken_connection_is_resumed_where_it_broke(server: FileServer, part: Path) -> None:
    server.cuts = [100_000]
    assert get(server, part).read_bytes() == CONTENT
    assert server.asked == [("/a.bundle", None), ("/a.bundle", "bytes=100000-")]


def test_a_part_that_does_not_belong_to_it_is_thrown_away(server: FileServer, part: Path) -> None:
    part.write_bytes(b"x" * 1000)
    assert get(server, part).read_bytes() == CONTENT


def test_a_part_that_is_already_whole_is_not_asked_for(server: FileServer, part: Path) -> None:
    part.write_bytes(CONTENT)
    assert get(server, part) == part
    assert server.asked == []


def test_a_sick_server_is_asked_a_few_times_and_then_left_alone(server: FileServer, part: Path) -> None:
    server.refusals = [503, 503, 503, 503]
    with pytest.raises(DownloadError, match=r"503.*3 attempts"):
        get(server, part, attempts=3)
    assert len(server.asked) == 3


def test_a_refusal_is_the_servers_last_word(server: FileServer, part: Path) -> None:
    server.refusals = [404]
    with pytest.raises(DownloadError, match="404"):
        get(server, part)
    assert len(server.asked) == 1


def test_what_was_not_promised_is_refused(server: FileServer, part: Path) -> None:
    with pytest.raises(DownloadError, match="not what the assignment names"):
        get(server, part, content=CONTENT[:-1] + b"!")
    assert not part.exists()


def test_more_than_was_promised_is_not_stored(server: FileServer, part: Path) -> None:
    with pytest.raises(DownloadError, match="not what the assignment names"):
        get(server, part, content=CONTENT[:100])
    assert part.read_bytes() == b""


def test_only_http_is_fetched(part: Path) -> None:
    wanted = Wanted("file:///etc/passwd", digest_of(b""), 1)
    with pytest.raises(DownloadError, match="only http"):
        fetch(wanted, part, deadline=in_a_minute(), disk=Disk())


def test_a_folder_that_cannot_be_written_is_the_disks_fault(server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(DiskError):
        get(server, tmp_path / "absent" / "a.part")


def test_no_download_goes_on_beyond_its_deadline_or_the_agents_end(server: FileServer, part: Path) -> None:
    wanted = Wanted(f"{server.url}/a.bundle", digest_of(CONTENT), len(CONTENT))
    with pytest.raises(DeadlineError, match="time allowed is over"):
        fetch(wanted, part, deadline=Deadline(0.0, threading.Event()), disk=Disk())
    stop = threading.Event()
    stop.set()
    with pytest.raises(StoppingError):
        fetch(wanted, part, deadline=in_a_minute(stop), disk=Disk())
