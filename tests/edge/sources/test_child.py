from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from contract.errors import SourceError
from edge.sources.child import Asked, ChildSource
from edge.sources.v4l2 import open as open_v4l2
from tests.conftest import ROOT
from tests.edge.colours import plain


def clip(path: Path, *, eager: bool = False) -> ChildSource:
    return ChildSource("clip", Asked(address=str(path), eager=eager), fix="Check the file.")


def child_of(source: ChildSource) -> psutil.Process:
    return psutil.Process(source._child.pid)


def test_a_childs_frames_are_those_opencv_reads_here_and_stay_as_they_were(shared_data: Path) -> None:
    path = shared_data / "video" / "sign_thanks.mkv"
    source, here = clip(path), cv2.VideoCapture(str(path))
    kept = []
    for index in range(10):
        frame = source.read(30.0)
        assert frame is not None
        assert frame.index == index
        kept.append((frame.pixels, here.read()[1]))
    source.close()
    assert all(np.array_equal(ours, theirs) for ours, theirs in kept)


def test_the_end_of_what_it_reads_is_an_error_after_the_last_frame(shared_data: Path) -> None:
    source = clip(shared_data / "video" / "sign_thanks.mkv")
    for _ in range(51):
        assert source.read(30.0) is not None
    with pytest.raises(SourceError, match="it ended after 51 frames"):
        source.read(30.0)
    source.close()


def test_what_cannot_be_opened_is_said(tmp_path: Path) -> None:
    (tmp_path / "none.mp4").write_bytes(b"no video")
    source = clip(tmp_path / "none.mp4")
    with pytest.raises(SourceError, match=r"cannot be opened \[clip\] Check the file"):
        source.read(30.0)
    source.close()


def test_a_child_that_hangs_costs_the_time_allowed_and_is_ended(shared_data: Path) -> None:
    source = clip(shared_data / "video" / "bottle-detection.mp4")
    assert source.read(30.0) is not None
    child = child_of(source)
    child.send_signal(signal.SIGSTOP)
    with pytest.raises(TimeoutError):
        source.read(0.05)
    source.close()
    assert not child.is_running()


def test_a_pipe_that_never_gives_a_byte_hangs_only_the_child(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "camera.mjpeg")
    source = clip(tmp_path / "camera.mjpeg", eager=True)
    child = child_of(source)
    with pytest.raises(TimeoutError):
        source.read(1.0)
    source.close()
    assert not child.is_running()


def test_a_child_that_is_killed_is_an_error(shared_data: Path) -> None:
    source = clip(shared_data / "video" / "bottle-detection.mp4")
    assert source.read(30.0) is not None
    child_of(source).kill()
    with pytest.raises(SourceError, match="the process that reads it died"):
        source.read(30.0)
    source.close()


def test_a_child_does_not_outlive_its_parent_even_when_it_hangs(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "camera.mjpeg")
    code = (
        "import sys, time; from edge.sources.child import Asked, ChildSource\n"
        "source = ChildSource('c', Asked(address=sys.argv[1]), fix='.')\n"
        "print(source._child.pid, flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "camera.mjpeg")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        time.sleep(0.5)
        parent.kill()
    until = time.monotonic() + 20
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_nothing_is_left_behind(shared_data: Path) -> None:
    process = psutil.Process()
    before = (process.num_fds(), threading.active_count(), len(process.children()), set(Path("/dev/shm").iterdir()))
    for _ in range(3):
        source = clip(shared_data / "video" / "sign_thanks.mkv")
        source.read(30.0)
        source.close()
    after = (process.num_fds(), threading.active_count(), len(process.children()), set(Path("/dev/shm").iterdir()))
    assert after == before


def test_a_device_that_is_no_camera_is_an_error() -> None:
    source = open_v4l2("/dev/null?size=640x480&fps=15")
    with pytest.raises(SourceError, match="cannot be opened"):
        source.read(30.0)
    source.close()


def test_a_live_stream_gives_its_newest_frame_and_counts_those_passed_over(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "camera.mjpeg")
    picture = cv2.imencode(".jpg", plain("green", (320, 240)))[1].tobytes()
    stopping = threading.Event()

    def film() -> None:
        with suppress(BrokenPipeError), (tmp_path / "camera.mjpeg").open("wb", buffering=0) as pipe:
            while not stopping.wait(0.005):
                pipe.write(picture)

    camera = threading.Thread(target=film)
    camera.start()
    source = clip(tmp_path / "camera.mjpeg", eager=True)
    try:
        assert source.read(60.0) is not None
        time.sleep(1.0)
        asked = time.monotonic()
        frame = source.read(60.0)
        assert frame is not None
        assert frame.captured_mono > asked - 0.5, "it is not what waited"
        assert source.skipped > 0
    finally:
        source.close()
        stopping.set()
        camera.join()
