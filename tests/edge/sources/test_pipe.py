from __future__ import annotations

import shlex
import sys
import time
from contextlib import suppress
from pathlib import Path

import cv2
import pytest

from contract.errors import ConfigError, MissingPartError, SourceError
from edge.frames import Frame
from edge.sources import open_source
from edge.sources.reconnecting import ReconnectingSource
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


SLOWLY = (
    "import sys, time\n"
    "for name in sys.argv[1:]: sys.stdout.buffer.write(open(name, 'rb').read()); sys.stdout.flush(); time.sleep(0.3)"
)


def slowly(tmp_path: Path, *pieces: bytes) -> str:
    """A command that writes the pieces apart, so that each is taken before the next comes."""
    for index, piece in enumerate(pieces):
        (tmp_path / str(index)).write_bytes(piece)
    (tmp_path / "slow.py").write_text(SLOWLY)
    return shlex.join(
        [sys.executable, str(tmp_path / "slow.py"), *(str(tmp_path / str(n)) for n in range(len(pieces)))]
    )


def test_a_commands_pictures_become_frames_until_it_ends(tmp_path: Path) -> None:
    whole = cv2.imencode(".jpg", plain("red"))[1].tobytes()
    found = read("pipe:" + slowly(tmp_path, whole, b"\xff\xd8\xff\xd9", whole, whole[:-40]))
    assert [frame.index for frame in found] == [0, 1, 2, 3]
    assert [frame.error is None for frame in found] == [True, False, True, False]


def test_only_the_newest_of_several_pictures_is_decoded(tmp_path: Path) -> None:
    source = open_source(command(tmp_path, pictures()))
    frames = []
    while (frame := source.read(10.0)) is not None:
        frames.append(frame)
    assert isinstance(source, ReconnectingSource)
    assert len(frames) + source.skipped == len(LABELS)
    source.close()


def test_raw_frames_are_cut_by_their_size_and_the_rest_at_the_end_is_damaged(tmp_path: Path) -> None:
    frame = plain("blue").tobytes()
    found = read("pipe:raw?size=24x16&format=bgr24:" + slowly(tmp_path, frame, frame + b"rest"))
    assert [frame.error is None for frame in found] == [True, True, False]
    assert found[1].pixels is not None
    assert (found[1].pixels == plain("blue")).all()


def test_a_command_that_fails_is_started_again_and_its_frames_go_on_counting(tmp_path: Path) -> None:
    source = open_source(command(tmp_path, pictures(), then="sys.exit(3)"))
    indices = []
    while len(indices) < 3:
        with suppress(TimeoutError):
            frame = source.read(0.5)
            assert frame is not None
            indices.append(frame.index)
    assert indices == [0, 1, 2]
    assert isinstance(source, ReconnectingSource)
    assert source.outages >= 2
    assert "exit code 3 after 3 pictures" in (source.last_error or "")
    source.close()


def test_a_command_that_gives_no_picture_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="exit code 0 before the first picture"):
        read(command(tmp_path, b"no picture"))


def test_a_command_that_writes_anything_else_costs_the_time_allowed() -> None:
    source = open_source("pipe:cat /dev/zero")
    with pytest.raises(TimeoutError):
        source.read(0.2)
    source.close()


def test_a_command_that_does_not_exist_or_cannot_be_split_is_refused() -> None:
    with pytest.raises(MissingPartError, match="cannot be started"):
        open_source("pipe:/nowhere/rpicam-vid --codec mjpeg", patient=True)
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
