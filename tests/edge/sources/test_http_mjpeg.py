from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from contract.errors import ConfigError, SourceError
from edge.frames import Frame
from edge.sources import http_mjpeg, network, open_source
from edge.sources.reconnecting import ReconnectingSource
from tests.edge.http_camera import PICTURE, HttpCamera, part


@pytest.fixture
def camera() -> Iterator[HttpCamera]:
    with HttpCamera() as running:
        yield running


def first(address: str, timeout_s: float = 10.0) -> Frame:
    source = network.open(address)
    try:
        frame = source.read(timeout_s)
        assert frame is not None
        return frame
    finally:
        source.close()


def test_a_multipart_stream_becomes_frames_named_by_the_address(camera: HttpCamera) -> None:
    source = network.open(camera.url)
    frames = [source.read(10.0) for _ in range(5)]
    source.close()
    assert [frame.index for frame in frames if frame] == [0, 1, 2, 3, 4]
    assert {frame.size_wh for frame in frames if frame} == {(24, 16)}
    assert source.name == f"127.0.0.1:{camera.port}/video"


def test_only_the_newest_picture_is_decoded_and_the_others_are_counted(camera: HttpCamera) -> None:
    source = http_mjpeg.HttpSource(network.parsed(camera.url))
    source.read(10.0)
    while source.skipped < 3:
        time.sleep(0.01)
    assert source.read(0.0) is not None
    source.close()


@pytest.mark.parametrize("kind", ["video/x-motion-jpeg", "application/octet-stream", "image/jpeg"])
def test_pictures_without_boundaries_are_read_too(camera: HttpCamera, kind: str) -> None:
    camera.kind, camera.body = kind, lambda: iter([PICTURE] * 3)
    assert first(camera.url).size_wh == (24, 16)


def test_a_snapshot_camera_is_asked_again_and_again(camera: HttpCamera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_mjpeg, "_SNAPSHOT_PAUSE_S", 0.02)
    camera.kind, camera.body = "image/jpeg", lambda: iter([PICTURE])
    source = network.open(camera.url)
    assert [frame.index for frame in (source.read(10.0) for _ in range(4)) if frame] == [0, 1, 2, 3]
    source.close()
    assert len(camera.seen) >= 4


def test_user_and_password_are_sent_and_never_shown(camera: HttpCamera) -> None:
    camera.status = 401
    address = camera.url.replace("//", "//admin:s%40cret@") + "?pwd=s@cret"
    with pytest.raises(SourceError, match="refuses the user name or password") as caught:
        first(address)
    assert camera.seen[0]["Authorization"] == "Basic " + base64.b64encode(b"admin:s@cret").decode()
    source = open_source(address)
    assert "cret" not in f"{caught.value}{source.name}{[thread.name for thread in threading.enumerate()]}"
    source.close()
    with pytest.raises(ConfigError) as refused:
        open_source("http://admin:s@cret@host:port/")
    assert "cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "headers", "said"),
    [
        ("text/html", {}, "answers with text/html"),
        ("image/jpeg", {"Content-Encoding": "gzip"}, "compresses"),
        ("image/jpeg", {"X-Huge": "x" * 100_000}, "cannot be read: got more than 65536 bytes"),
    ],
)
def test_answers_that_are_no_pictures_are_explained(
    camera: HttpCamera, kind: str, headers: dict[str, str], said: str
) -> None:
    camera.kind, camera.headers = kind, headers
    with pytest.raises(SourceError, match=said):
        first(camera.url)


def test_a_picture_that_breaks_off_is_damaged_whether_the_next_one_or_the_end_follows(camera: HttpCamera) -> None:
    half = part(PICTURE[: len(PICTURE) // 2])
    camera.body = lambda: iter([half])
    assert "cut short" in str(first(camera.url).error)
    camera.body = lambda: iter([half, PICTURE[:4]])
    assert "cut short" in str(first(camera.url).error)


@pytest.mark.parametrize("habit", ["hang", "garbage", "slow"])
def test_a_camera_that_gives_no_picture_costs_no_more_than_the_time_allowed(camera: HttpCamera, habit: str) -> None:
    camera.habit = habit
    source = network.open(camera.url)
    before = time.monotonic()
    with pytest.raises(TimeoutError):
        source.read(0.1)
    source.close()
    assert time.monotonic() - before < 5.0
    assert source.name not in "".join(thread.name for thread in threading.enumerate())


def test_a_camera_that_vanished_is_seen_again_when_it_is_back() -> None:
    with HttpCamera() as camera:
        source, port = open_source(camera.url), camera.port
        frame = source.read(10.0)
        assert frame is not None
        assert isinstance(source, ReconnectingSource)
        camera.habit = "end"
    while source.outages == 0:
        with suppress(TimeoutError):
            source.read(0.1)
    with HttpCamera(port=port):
        while source.reopened == 0:
            with suppress(TimeoutError):
                frame = source.read(0.1)
    source.close()
    assert frame is not None
    assert frame.index > 0


def test_nobody_listening_is_an_error_at_first() -> None:
    with HttpCamera() as camera:
        url = camera.url
    with pytest.raises(SourceError, match="Connection refused"):
        open_source(url).read(10.0)
