"""One answer from a real server, from the address that was meant and from no other."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.deadline import Deadline
from edge.http_get import checked_address, get, pieces, shown
from edge.watch import BrokenError, Patience, RefusedError, Watch
from tests.edge.authority import server_context
from tests.edge.file_server import FileServer
from tests.edge.scripted_answers import OK, endless, head, moved, says


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "a").write_bytes(b"content")
    with FileServer(folder) as running:
        yield running


def watch() -> Watch:
    return Watch(Deadline(time.time() + 60.0, threading.Event()), [].append, patience=Patience(silence_s=5.0))


def body(url: str, *, ca_file: str | None = None) -> bytes:
    with get(url, {}, watch(), ca_file=ca_file) as answer:
        return b"".join(pieces(answer, 1000))


def test_an_answer_is_read_piece_by_piece_and_no_further_than_asked(server: FileServer) -> None:
    assert body(f"{server.url}/a") == b"content"
    with get(f"{server.url}/a", {"Range": "bytes=2-"}, watch(), ca_file=None) as answer:
        assert (answer.status, b"".join(pieces(answer, 3))) == (206, b"nte")


def test_a_refusal_is_an_answer(server: FileServer) -> None:
    with get(f"{server.url}/absent", {}, watch(), ca_file=None) as answer:
        assert answer.status == 404


def test_redirects_are_followed_and_their_endless_bodies_are_not_read(server: FileServer) -> None:
    server.scripts = [
        endless(head("HTTP/1.1 301 Moved", "Location: b?token=1"), b"!" * 1000),
        moved(f"{server.url}/c"),
        *(moved("/a") for _ in range(3)),
    ]
    assert body(f"{server.url}/a") == b"content"
    assert [path for path, _ in server.asked] == ["/a", "/b?token=1", "/c", "/a", "/a", "/a"]


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("file:///etc/passwd", "from http to file"),
        ("ftp://127.0.0.1/x", "from http to ftp"),
        ("data:,x", "from http to data"),
        ("/a", "more than 5 times"),
        ("http://me:secret@127.0.0.1/", "a user and a password"),
        ("http://[::1", "no address"),
        ("http://127.0.0.1:99999/", "no address"),
        ("http://" + "a" * 64 + ".example/", "no address"),
        ("/\u00e9 x", "no address"),
    ],
)
def test_nobody_is_led_elsewhere(server: FileServer, location: str, message: str) -> None:
    server.scripts = [moved(location)] * 6
    with pytest.raises(RefusedError, match=message) as failed:
        body(f"{server.url}/a")
    assert "secret" not in str(failed.value)


def test_a_redirect_to_nowhere_is_refused(server: FileServer) -> None:
    server.scripts = [says("HTTP/1.1 301 Moved")]
    with pytest.raises(RefusedError, match="to nowhere"):
        body(f"{server.url}/a")


def test_nobody_is_led_from_https_to_http(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    context, ca_file = server_context(tmp_path)
    with FileServer(tmp_path, tls=context) as server:
        server.scripts = [moved("/a")]
        assert body(server.url, ca_file=ca_file) == b"content"
        server.scripts = [moved(server.url.replace("https", "http"))]
        with pytest.raises(RefusedError, match="from https to http, which is not followed"):
            body(server.url, ca_file=ca_file)


def test_an_authority_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"authorities in .*absent\.pem cannot be used"):
        body("https://127.0.0.1:1/", ca_file=str(tmp_path / "absent.pem"))


def test_a_proxy_of_the_environment_is_asked(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("no_proxy", "")
    server.scripts = [says(OK, body=b"by proxy")]
    assert body("http://fleet.example/a") == b"by proxy"
    assert server.asked == [("http://fleet.example/a", None)]


def test_a_server_that_is_not_there_may_be_there_later() -> None:
    with pytest.raises(BrokenError, match="refused"):
        body("http://127.0.0.1:1/")


def test_an_address_is_checked_and_shown_without_its_secrets() -> None:
    assert checked_address("http://fleet:8080/a?b=c") == "http://fleet:8080/a?b=c"
    for url in ("http://", "http://a/\n", "http://a b/", "http://a/\u00fc"):
        with pytest.raises(RefusedError, match="no address"):
            checked_address(url)
    assert shown("https://me:secret@fleet:1/a/b.bundle?token=1#x") == "https://fleet:1/a/b.bundle"
    assert shown("http://[::1") == "the address assigned"
