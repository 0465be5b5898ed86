"""The preview as its viewers meet it: over real sockets, from a runtime's thread, and when it ends."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from statistics import median
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest

from contract.errors import ConfigError
from contract.scene import Line, Scene, Zone
from edge.frames import Pixels
from edge.preview import Left, Preview
from edge.preview.web import MOST_VIEWERS
from tests.edge.preview.watching import GREY, Viewer, answered, damaged, frames_coming, window_of


@pytest.fixture
def preview() -> Iterator[Preview]:
    made = Preview(0, max_frames_per_s=50.0)
    made.start()
    yield made
    made.close()


def picture(jpeg: bytes) -> Pixels:
    decoded = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded.astype(np.uint8, copy=False)


def test_a_stream_gives_each_answer_with_its_picture(preview: Preview) -> None:
    def numbered(index: int) -> tuple[object, object]:
        return answered(index, pixels=np.full((36, 64, 3), index % 250, np.uint8))

    with frames_coming(preview, numbered), Viewer(preview, "/stream?answers=1") as viewer:
        assert viewer.answer.getheader("Content-Type") == "multipart/x-mixed-replace; boundary=frame"
        for _ in range(5):
            kind, said = viewer.part()
            assert kind == "application/json"
            shown = json.loads(said)
            kind, jpeg = viewer.part()
            assert kind == "image/jpeg"
            assert abs(int(picture(jpeg).mean()) - shown["result"]["frame"] % 250) <= 1
            assert shown["result"]["detections"][0]["track"] == 4


def test_a_plain_stream_is_pictures_alone_and_of_the_source_asked_for(preview: Preview) -> None:
    preview.answer(*answered(0, source="gate"))
    with frames_coming(preview), Viewer(preview, "/stream?source=gate") as viewer:
        preview_gate = threading.Thread(target=lambda: _feed_gate(preview))
        preview_gate.start()
        kind, jpeg = viewer.part()
        preview_gate.join()
    assert kind == "image/jpeg"
    assert picture(jpeg)[0, 0].tolist() == [200, 200, 200]


def _feed_gate(preview: Preview) -> None:
    for index in range(1, 50):
        preview.answer(*answered(index, source="gate", pixels=np.full_like(GREY, 200)))
        time.sleep(0.02)


def test_a_damaged_frame_is_told_without_a_picture(preview: Preview) -> None:
    with frames_coming(preview, damaged), Viewer(preview, "/stream?answers=1") as viewer:
        kind, said = viewer.part()
        assert kind == "application/json"
        assert viewer.part()[0] == "application/json"
    shown = json.loads(said)
    assert shown["picture"] is False
    assert shown["result"]["error"]["cause"] == "damaged-frame"


def test_what_is_hidden_never_leaves_and_large_frames_are_thinned() -> None:
    def hide(source: str, pixels: Pixels) -> Pixels:
        assert source == "door"
        hidden = pixels.copy()
        hidden[:, : pixels.shape[1] // 2] = 0
        return hidden

    preview = Preview(0, hide=hide)
    preview.start()
    huge = np.full((2160, 3840, 3), 255, np.uint8)
    try:
        with frames_coming(preview, lambda i: answered(i, pixels=huge)), Viewer(preview, "/stream") as viewer:
            seen = picture(viewer.part()[1])
    finally:
        preview.close()
    assert seen.shape == (720, 1280, 3)
    assert seen[:, :600].max() < 20
    assert seen[:, 700:].min() > 230


def test_state_says_what_each_source_does_and_what_left(preview: Preview) -> None:
    zone = Zone(name="step", polygon=((0.1, 0.1), (0.5, 0.1), (0.5, 0.5)))
    preview.scene("door", Scene(zones=(zone,), lines=(Line(name="sill", begin=(0.0, 0.5), end=(1.0, 0.5)),)))
    preview.answer(*answered(0))
    preview.answer(*damaged(1))
    preview.answer(*answered(0, source="gate"))
    preview.window(window_of())
    with Viewer(preview, "/state") as viewer:
        state = json.loads(viewer.body())
    door, gate = state["sources"]
    assert (door["name"], door["frames"], door["errors"], door["error"]["cause"]) == ("door", 2, 1, "damaged-frame")
    assert (gate["frames"], gate["error"], gate["age_ms"]) == (1, None, 3.2)
    assert door["zones"][0]["name"] == "step"
    assert door["lines"][0]["from"] == [0.0, 0.5]
    assert state["windows"][0]["ledger"]["gated"] == 12
    assert door["model"] == state["windows"][0]["model"] == "things@3"
    assert preview.left.pictures == 0
    assert preview.left.bytes > 0


def test_each_model_keeps_its_last_window(preview: Preview) -> None:
    for model, rate in (("things@3", 1.0), ("faces@1", 2.0), ("things@3", 3.0)):
        preview.window(window_of(model=model, frames_per_s=rate))
    with Viewer(preview, "/state") as viewer:
        windows = json.loads(viewer.body())["windows"]
    assert [(window["model"], window["frames_per_s"]) for window in windows] == [("faces@1", 2.0), ("things@3", 3.0)]


def test_events_begin_with_the_past_and_go_on_with_the_state(preview: Preview) -> None:
    preview.window(window_of())
    with Viewer(preview, "/events") as viewer:
        lines = [viewer.answer.readline().decode() for _ in range(5)]
    assert lines[0] == "event: past\n"
    assert json.loads(lines[1].removeprefix("data: "))[0]["frames_per_s"] == 16.0
    assert lines[3] == "event: state\n"


def test_pictures_and_viewers_are_counted_and_a_viewer_who_left_is_noticed(preview: Preview) -> None:
    with frames_coming(preview), Viewer(preview, "/stream") as viewer:
        size = len(viewer.part()[1])
        assert preview.left.viewers == 1
    assert wait_for(lambda: preview.left.viewers == 0)
    assert preview.left.pictures >= 1
    assert preview.left.bytes > size


def test_the_ninth_viewer_is_sent_away(preview: Preview) -> None:
    viewers = [Viewer(preview, "/stream") for _ in range(MOST_VIEWERS)]
    with Viewer(preview, "/stream") as ninth:
        assert ninth.status == 503
        assert b"close one of them" in ninth.body()
    for viewer in viewers:
        viewer.__exit__()
    assert wait_for(lambda: preview.left.viewers == 0)


@pytest.mark.parametrize("path", ["/../../etc/passwd", "/page.js", "//etc/passwd", "/%2e%2e/", "//[oops", "/stream/x"])
def test_no_file_is_served(preview: Preview, path: str) -> None:
    with Viewer(preview, path) as viewer:
        assert viewer.status == 404


def test_a_source_nobody_knows_is_said_plainly(preview: Preview) -> None:
    with Viewer(preview, "/stream?source=%3Cb%3E") as viewer:
        assert viewer.status == 404
        assert viewer.body() == b"No frame has come from a source of that name; /state lists them.\n"


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost:1234", 200), ("127.0.0.1", 200), ("[::1]:80", 200), ("evil.example:8080", 403), ("[oops", 403)],
)
def test_on_this_machine_only_its_own_names_are_answered(preview: Preview, host: str, status: int) -> None:
    with Viewer(preview, "/state", host=host) as viewer:
        assert viewer.status == status


def test_beyond_this_machine_any_name_may_be_right() -> None:
    preview = Preview(0, host="0.0.0.0")
    preview.start()
    try:
        with socket.create_connection(("127.0.0.1", urlsplit(preview.url).port or 0), timeout=5) as line:
            line.sendall(b"GET /state HTTP/1.0\r\nHost: cam-7.lan\r\n\r\n")
            assert line.recv(20).startswith(b"HTTP/1.0 200")
    finally:
        preview.close()


def test_the_page_asks_nobody_else_and_lets_nothing_else_run(preview: Preview) -> None:
    with Viewer(preview, "/") as viewer:
        page, policy = viewer.body().decode(), viewer.answer.getheader("Content-Security-Policy") or ""
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert "http" not in page.replace("http-equiv", "")
    assert "innerHTML" not in page
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'")


def test_a_port_that_is_taken_or_is_none_is_said_in_a_sentence() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(ConfigError, match="Address already in use") as refused,
    ):
        Preview(taken.getsockname()[1])
    assert refused.value.what == "the preview cannot listen at 127.0.0.1: Address already in use"
    with pytest.raises(ConfigError, match="70000 is no port"):
        Preview(70000)
    with pytest.raises(ConfigError, match="Choose another port or address"):
        Preview(0, host="no such host.invalid")


def test_a_viewer_that_reads_nothing_holds_nobody_up_and_the_end_comes_at_once() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (720, 1280, 3), np.uint8)
    preview = Preview(0, max_frames_per_s=100.0)
    preview.start()
    address = urlsplit(preview.url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=5) as sleeper:
        sleeper.sendall(b"GET /stream HTTP/1.0\r\nHost: localhost\r\n\r\n")
        with frames_coming(preview, lambda i: answered(i, pixels=noise)), Viewer(preview, "/stream") as viewer:
            for _ in range(12):
                viewer.part()
            began = time.monotonic()
            preview.close()
            took_s = time.monotonic() - began
            with pytest.raises(EOFError):
                read_on(viewer)
    assert took_s < 1.5
    preview.close()
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("preview")]


def test_nobody_watching_costs_next_to_nothing(preview: Preview) -> None:
    """Against one copy of the frame, so that a busy machine slows both."""
    frame, result = answered(0, pixels=np.zeros((720, 1280, 3), np.uint8))
    assert frame.pixels is not None
    spare = np.empty_like(frame.pixels)
    answers, copies = [], []
    for _ in range(200):
        began = time.perf_counter()
        preview.answer(frame, result)
        between = time.perf_counter()
        np.copyto(spare, frame.pixels)
        answers.append(between - began)
        copies.append(time.perf_counter() - between)
    assert median(answers) < median(copies) / 4
    assert preview.left == Left()


def test_a_folder_of_many_pictures_is_forgotten_from_its_beginning(preview: Preview) -> None:
    for number in range(100):
        preview.answer(*answered(0, source=f"{number}.jpg"))
    with Viewer(preview, "/state") as viewer:
        names = [source["name"] for source in json.loads(viewer.body())["sources"]]
    assert len(names) == 32
    assert "99.jpg" in names
    assert "0.jpg" not in names


def read_on(viewer: Viewer) -> None:
    while True:
        viewer.part()


def wait_for(condition: Callable[[], bool], *, at_most_s: float = 10.0) -> bool:
    until = time.monotonic() + at_most_s
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.02)
    return False
