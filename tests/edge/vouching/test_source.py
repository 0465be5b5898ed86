"""Fetching from servers that send too much, too little, too slowly, or somewhere else; and from a stick."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from edge.clock import FleetClock
from edge.deadline import Deadline, DeadlineError, StoppingError
from edge.durable import Disk
from edge.vouching.errors import MetadataError
from edge.vouching.source import FolderSource, HttpSource, Patience, source_at
from tests.edge.file_server import FileServer
from tests.edge.vouching.bad_server import BadServer, Behaviour, answering, dripping, flooding, saying, silent

MOST = 1000
BRIEF = Patience(silence_s=1.0, grace_s=0.5, bytes_per_s=500.0, pauses_s=(0.0, 0.0))
LONG = Patience(silence_s=60.0, grace_s=60.0)
OK = b"HTTP/1.1 200 OK\r\n"
LOGIN = "Location: http://127.0.0.1:1/login"


def source(
    url: str,
    folder: Path,
    *,
    patience: Patience = BRIEF,
    deadline: Deadline | None = None,
    spent: list[int] | None = None,
) -> HttpSource:
    return HttpSource(
        url,
        deadline=deadline or in_a_minute(),
        spend=(spent if spent is not None else []).append,
        clock=FleetClock(folder, Disk()),
        patience=patience,
    )


def in_a_minute(stop: threading.Event | None = None) -> Deadline:
    return Deadline(time.time() + 60.0, stop or threading.Event())


@pytest.mark.parametrize(
    "behave",
    [
        answering(b"{}"),
        saying(OK + b"\r\n{}"),
        saying(OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"),
    ],
    ids=["length", "until the end", "chunked"],
)
def test_a_file_arrives_and_is_counted(tmp_path: Path, behave: Behaviour) -> None:
    spent: list[int] = []
    with BadServer(behave) as server:
        assert source(f"{server.url()}/a b/metadata/", tmp_path, spent=spent).read("timestamp.json", MOST) == b"{}"
    assert server.requests[0].startswith(b"GET /a%20b/metadata/timestamp.json HTTP/1.1\r\n")
    assert sum(spent) == 2


def test_a_server_that_keeps_the_connection_open_is_not_waited_for(tmp_path: Path) -> None:
    def behave(connection: object, over: threading.Event) -> None:
        answering(b"{}")(connection, over)  # type: ignore[arg-type]
        over.wait()

    with BadServer(behave) as server:
        assert source(server.url(), tmp_path, patience=LONG).read("timestamp.json", MOST) == b"{}"


@pytest.mark.parametrize("status", ["403 Forbidden", "404 Not Found"])
def test_what_is_not_there_is_not_an_error(tmp_path: Path, status: str) -> None:
    with BadServer(answering(b"nothing", status=status)) as server:
        assert source(server.url(), tmp_path).read("2.root.json", MOST) is None
    assert len(server.requests) == 1


BAD_SERVERS: dict[str, tuple[Behaviour, str, int]] = {
    "endless": (flooding(OK + b"\r\n"), "longer than the 1000 bytes", 1),
    "endless in chunks": (flooding(OK + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\n"), "longer than the 1000", 1),
    "a byte too many": (answering(b" " * 1001), "longer than the 1000 bytes", 1),
    "gigabytes announced": (saying(OK + b"Content-Length: 9999999999\r\n\r\n"), "longer than the 1000 bytes", 1),
    "endless headers": (dripping(OK, b"X: y\r\n"), "slower than 500 bytes|more than 100 headers", 2),
    "endless header": (flooding(OK + b"X: "), "more than 65536 bytes", 2),
    "endless status line": (flooding(b"HTTP/1.1 200 "), "status line|more than", 2),
    "headers drip": (dripping(OK + b"X: ", b"y"), "slower than 500 bytes a second", 1),
    "body drips": (dripping(OK + b"Content-Length: 900\r\n\r\n", b" "), "slower than 500 bytes a second", 1),
    "body of no length drips": (dripping(OK + b"\r\n", b" "), "slower than 500 bytes a second", 1),
    "chunk length drips": (dripping(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"), "slower than 500 bytes", 1),
    "one continue after the other": (dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "slower than 500 bytes", 1),
    "cut": (saying(OK + b"Content-Length: 900\r\n\r\n{"), "connection ended after 1 bytes, 2 attempts", 2),
    "cut in a chunk": (saying(OK + b"Transfer-Encoding: chunked\r\n\r\n99\r\n{"), "2 attempts", 2),
    "no answer": (saying(b""), "closed connection without response, 2 attempts", 2),
    "rubbish": (saying(b"\0" * 100), "2 attempts", 2),
    "another protocol": (saying(b"SSH-2.0-OpenSSH_9.2\r\n"), "2 attempts", 2),
    "ill": (answering(b"", status="503 Busy"), "the server answers 503 Busy, 2 attempts", 2),
    "a failure": (answering(b"", status="401 Who"), "the server answers 401 Who", 1),
    "elsewhere": (answering(b"", LOGIN, status="302 Found"), "the server answers 302 Found", 1),
    "to a file": (answering(b"", "Location: file:///etc/passwd", status="301 Moved"), "answers 301 Moved", 1),
    "part of it": (answering(b"{}", "Content-Range: bytes 0-1/9", status="206 Part"), "answers 206 Part", 1),
}


@pytest.mark.parametrize("name", BAD_SERVERS)
def test_no_server_gets_more_than_its_share_of_bytes_or_time(tmp_path: Path, name: str) -> None:
    behave, words, requests = BAD_SERVERS[name]
    spent: list[int] = []
    with BadServer(behave) as server:
        begun = time.monotonic()
        with pytest.raises(MetadataError, match=words):
            source(server.url(), tmp_path, spent=spent).read("timestamp.json", MOST)
        assert len(server.requests) <= requests
    assert time.monotonic() - begun < 30.0
    assert sum(spent) <= MOST + (16 << 10)


def test_a_server_that_falls_silent_is_left(tmp_path: Path) -> None:
    brief = Patience(silence_s=0.2, grace_s=60.0, pauses_s=(0.0, 0.0))
    with BadServer(silent) as server, pytest.raises(MetadataError, match="timed out, 2 attempts"):
        source(server.url(), tmp_path, patience=brief).read("timestamp.json", MOST)
    assert len(server.requests) == 2


def test_no_server_there_is_said_after_a_few_attempts(tmp_path: Path) -> None:
    with pytest.raises(MetadataError, match=r"refused, 2 attempts .*127.0.0.1:1/timestamp.json"):
        source("http://127.0.0.1:1", tmp_path).read("timestamp.json", MOST)


def test_a_server_that_recovers_is_believed(tmp_path: Path) -> None:
    (tmp_path / "timestamp.json").write_bytes(b"{}")
    with FileServer(tmp_path) as server:
        server.refusals, server.cuts = [503], [1]
        patience = BRIEF._replace(pauses_s=(0.0, 0.0, 0.0))
        assert source(server.url, tmp_path, patience=patience).read("timestamp.json", MOST) == b"{}"


def test_no_silence_outlasts_the_deadline_or_the_agent(tmp_path: Path) -> None:
    with BadServer(silent) as server:
        soon = Deadline(time.time() + 0.3, threading.Event())
        with pytest.raises(DeadlineError):
            source(server.url(), tmp_path, patience=LONG, deadline=soon).read("timestamp.json", MOST)
        stop = threading.Event()
        stopper = threading.Timer(0.3, stop.set)
        stopper.start()
        with pytest.raises(StoppingError):
            source(server.url(), tmp_path, patience=LONG, deadline=in_a_minute(stop)).read("timestamp.json", MOST)
        stopper.join()


def test_the_environment_names_no_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with BadServer(answering(b"{}")) as server:
        assert source(server.url(), tmp_path).read("timestamp.json", MOST) == b"{}"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://host/",
        "http://",
        "http://[::1/",
        "http://host:99999/",
        "file://server/share",
        "data:,{}",
        "http://a..b/",
    ],
)
def test_an_address_that_is_none_is_said_at_once(tmp_path: Path, url: str) -> None:
    with pytest.raises(MetadataError, match="no address of update metadata"):
        source_at(url, deadline=in_a_minute(), spend=[].append, clock=FleetClock(tmp_path, Disk()))


def test_a_path_with_odd_letters_is_quoted_and_not_a_bug(tmp_path: Path) -> None:
    with BadServer(answering(b"{}")) as server:
        assert source(f"{server.url()}/Kü\tche/%41?x=1#y", tmp_path).read("timestamp.json", MOST) == b"{}"
    assert server.requests[0].startswith(b"GET /K%C3%BCche/%41/timestamp.json HTTP/1.1\r\n")


# A stick


def test_a_stick_gives_what_is_on_it_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "timestamp.json").write_bytes(b"{}")
    (tmp_path / "1.root.json").write_bytes(b" " * 1001)
    spent: list[int] = []
    stick = FolderSource(tmp_path, spend=spent.append)
    assert stick.read("timestamp.json", MOST) == b"{}"
    assert stick.read("2.root.json", MOST) is None
    with pytest.raises(MetadataError, match="longer than the 1000 bytes"):
        stick.read("1.root.json", MOST)
    assert spent == [2, 1001]


def test_a_stick_with_pipes_and_devices_instead_of_files_has_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "timestamp.json")
    (tmp_path / "1.root.json").symlink_to("/dev/zero")
    (tmp_path / "2.root.json").mkdir()
    stick = FolderSource(tmp_path, spend=[].append)
    assert [stick.read(name, MOST) for name in ("timestamp.json", "1.root.json", "2.root.json")] == [None] * 3
