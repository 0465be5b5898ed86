from __future__ import annotations

import sys
import time
from pathlib import Path

import cv2
import pytest

from contract.errors import ConfigError, SourceError
from edge.frames import Frame
from edge.sources import open_source
from tests.edge.colours import LABELS, plain

WRITER = "import sys; sys.stdout.buffer.write(open(sys.argv[1], 'rb').read()); sys.stdout.flush(); {then}"


def command(tmp_path: Path, data: bytes, then: str = "") -> str:
    (tmp_path / "stream.mjpeg").write_bytes(data)
    (tmp_path / "camera.py").write_text(WRITER.format(then=then))
    return f"pipe:{sys.executable} {tmp_path}/camera.py {tmp_path}/stream.mjpeg"


def pictures() -> bytes:
    return b"".join(cv2.imencode(".jpg", plain(colour))[1].tobytes() for colour in LABELS)


def read(text: str) -> list[Frame]:
    source = open_source(text)
    found = []
    try:
        while (frame := source.read(10.0)) is not None:
            found.append(frame)
    finally:
        source.close()
    return found


def test_a_commands_pictures_become_frames_until_it_ends(tmp_path: Path) -> None:
    found = read(command(tmp_path, pictures()))
    assert [frame.index for frame in found] == [0, 1, 2]
    assert [frame.size_wh for frame in found] == [(24, 16)] * 3


def test_a_picture_that_cannot_be_decoded_is_one_damaged_frame(tmp_path: Path) -> None:
    whole = cv2.imencode(".jpg", plain("red"))[1].tobytes()
    empty = b"\xff\xd8\xff\xd9"
    assert [frame.error is None for frame in read(command(tmp_path, whole + empty + whole))] == [True, False, True]


def test_a_command_that_fails_says_so_with_its_exit_code(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="exit code 3 after 3 pictures"):
        read(command(tmp_path, pictures(), then="sys.exit(3)"))
    with pytest.raises(SourceError, match="exit code 0 before the first picture"):
        read(command(tmp_path, b"no picture"))


def test_a_command_that_does_not_exist_or_cannot_be_split_is_refused() -> None:
    with pytest.raises(SourceError, match="cannot be started"):
        open_source("pipe:/nowhere/rpicam-vid --codec mjpeg")
    with pytest.raises(ConfigError, match="cannot be split"):
        open_source("pipe:echo 'open")
    with pytest.raises(ConfigError, match="no command"):
        open_source("pipe:")


def test_closing_ends_the_command_and_what_it_started_even_if_it_ignores_the_wish(tmp_path: Path) -> None:
    stubborn = (
        "import signal, subprocess, time, os; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], stdout=subprocess.DEVNULL);"
        "open(sys.argv[1] + '.pids', 'w').write(f'{os.getpid()} {child.pid}\\n'); time.sleep(600)"
    )
    source = open_source(command(tmp_path, pictures(), then=stubborn))
    assert source.read(10.0) is not None
    note = tmp_path / "stream.mjpeg.pids"
    while not (note.exists() and note.read_text().endswith("\n")):
        time.sleep(0.01)
    own, child = map(int, note.read_text().split())
    for _ in LABELS[1:]:
        assert source.read(10.0) is not None
    with pytest.raises(TimeoutError):
        source.read(0.05)
    source.close()
    assert not Path(f"/proc/{own}").exists()
    while alive(child):
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether the process runs; a killed orphan may wait as a zombie for whoever adopted it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False
