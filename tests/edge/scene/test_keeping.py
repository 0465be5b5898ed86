from __future__ import annotations

import errno
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec import UNSET

from contract.result import Result, SceneEvent
from contract.scene import Keep
from edge.durable import Disk
from edge.frames import Frame
from edge.jpeg import end_of_picture
from edge.opencv import cv2
from edge.scene.clip import ClipRecord
from edge.scene.keeping import _WAITING_JOBS, BUSY, DISK, NO_JPEG, NO_ROOM, Keeper
from edge.scene.masks import Masks
from tests.conftest import ROOT
from tests.edge.scene.views import SIZE_WH, answer, frame

ALL = Masks([((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))])
NONE = Masks([])


@contextmanager
def keeper(folder: Path, *, masks: Masks = NONE, disk: Disk | None = None, **changes: Any) -> Iterator[Keeper]:
    running = Keeper(Keep(**changes), masks, "front door", folder, disk)
    try:
        yield running
    finally:
        running.close()


def with_event(index: int, at_s: float, kind: str = "crossed") -> Result:
    event = SceneEvent(
        kind=kind, at_s=at_s, track=1, label="person", score=0.9, box_xyxy_px=(1, 2, 3, 4), place="Gate 1"
    )  # type: ignore[arg-type]
    return msgspec.structs.replace(answer(index), events=(event,))


def noisy(index: int, at_s: float) -> Frame:
    return frame(index, at_s, np.random.default_rng(index).integers(0, 256, (*SIZE_WH[::-1], 3)).astype(np.uint8))


def film(
    running: Keeper, seconds: float, events_at: dict[int, str], *, per_s: int = 10, first: int = 0,
    shot: Callable[[int, float], Frame] = frame,
) -> list[Result]:  # fmt: skip
    """Frames and answers one after the other, waiting for the writer, so that nothing is lost for want of time."""
    told = []
    for index in range(first, first + round(seconds * per_s)):
        seen = shot(index, index / per_s)
        _settle(running)
        running.frame(seen)
        if index in events_at:
            _settle(running)
            told.append(running.answer(seen, with_event(index, index / per_s, events_at[index])))
    _settle(running)
    return told


def _settle(running: Keeper) -> None:
    waiting = threading.Event()
    for _ in range(2000):
        if running._jobs.empty():
            return
        waiting.wait(0.005)
    raise AssertionError("the writer is stuck")


def files(folder: Path, suffix: str) -> list[Path]:
    return sorted(folder.glob(f"*.{suffix}"))


def pictures_in(clip: Path) -> int:
    data, at, count = clip.read_bytes(), 0, 0
    while at < len(data):
        end = end_of_picture(data, at)
        assert end is not None, "a picture is cut short"
        at, count = end, count + 1
    return count


def test_an_event_leaves_a_snapshot_with_its_result_and_a_clip_with_before_and_after(tmp_path: Path) -> None:
    with keeper(tmp_path, pre_roll_s=1, post_roll_s=2) as running:
        (told,) = film(running, 8, {40: "crossed"})
    assert told.events is not UNSET
    (snapshot,) = files(tmp_path, "jpg")
    assert told.events[0].snapshot == snapshot.name == "20231114T221324.000Z_front-door_crossed-Gate-1_40.jpg"
    assert cv2.imread(str(snapshot)).shape == (SIZE_WH[1], SIZE_WH[0], 3)
    (clip,) = files(tmp_path, "mjpeg")
    record = msgspec.json.decode(clip.with_suffix(".json").read_bytes(), type=ClipRecord)
    # 5 a second from 1 s before 4.0 s until 2 s after it.
    assert list(record.at_s) == [n / 5 for n in range(15, 31)]
    assert pictures_in(clip) == len(record.at_s)
    assert record.events == told.events
    assert (running.kept.pictures, running.kept.clips, running.kept.lost) == (1, 1, {})


def test_snapshot_and_clip_do_not_overwrite_what_is_said_about_the_other(tmp_path: Path) -> None:
    with keeper(tmp_path) as running:
        film(running, 1, {4: "crossed"})
    said = [json.loads(path.read_text()) for path in files(tmp_path, "json")]
    assert len(said) == 2
    assert sum("detections" in one for one in said) == 1
    assert sum("frames_per_s" in one for one in said) == 1


def test_our_own_source_and_opencv_play_a_clip_even_one_cut_in_a_picture(tmp_path: Path) -> None:
    with keeper(tmp_path / "kept", snapshots=False, pre_roll_s=1, post_roll_s=1) as running:
        film(running, 4, {15: "crossed"}, shot=noisy)
    (clip,) = files(tmp_path / "kept", "mjpeg")
    count, cut = pictures_in(clip), tmp_path / "cut.mjpeg"
    cut.write_bytes(clip.read_bytes()[:-1000])
    for path, least in ((clip, count), (cut, count - 1)):
        video: Any = cv2.VideoCapture(str(path))
        played = 0
        while video.read()[0]:
            played += 1
        assert least <= played <= count


def test_more_events_prolong_a_clip_and_it_does_not_go_on_for_ever(tmp_path: Path) -> None:
    with keeper(tmp_path, snapshots=False, post_roll_s=3, frames_per_s=2) as running:
        film(running, 80, dict.fromkeys(range(0, 160, 4), "crossed"), per_s=2)
    records = [msgspec.json.decode(path.read_bytes(), type=ClipRecord) for path in files(tmp_path, "json")]
    assert [len(record.events) for record in records] == [31, 9]
    assert all(record.at_s[-1] - record.at_s[0] <= 63 for record in records)


def test_only_the_events_asked_for_are_kept(tmp_path: Path) -> None:
    with keeper(tmp_path, on=("dwelled",), clips=False) as running:
        crossed, dwelled = film(running, 2, {3: "crossed", 9: "dwelled"})
    assert len(files(tmp_path, "jpg")) == 1
    assert [(result.events or ())[0].snapshot != "" for result in (crossed, dwelled)] == [False, True]


def test_what_a_mask_hides_is_in_no_file(tmp_path: Path) -> None:
    with keeper(tmp_path, masks=ALL) as running:
        film(running, 3, {5: "crossed"}, shot=noisy)
    for path in (*files(tmp_path, "jpg"), *files(tmp_path, "mjpeg")):
        video: Any = cv2.VideoCapture(str(path))
        while (read := video.read())[0]:
            assert not read[1].any()


def test_the_limit_holds_over_many_events(tmp_path: Path) -> None:
    with keeper(tmp_path, max_mib=1, pre_roll_s=1, post_roll_s=1) as running:
        film(running, 12, dict.fromkeys(range(0, 120, 13), "crossed"), shot=noisy)
    held = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert held <= running.kept.bytes <= 1 << 20
    assert running.kept.deleted > 0
    assert held > (1 << 20) / 4


def test_a_picture_larger_than_the_limit_is_counted_and_nothing_else(tmp_path: Path) -> None:
    large = frame(0, 0.0, np.random.default_rng(1).integers(0, 256, (1500, 2000, 3)).astype(np.uint8))
    with keeper(tmp_path, max_mib=1, clips=False) as running:
        running.answer(large, with_event(0, 0.0))
    assert running.kept.lost == {NO_ROOM: 1}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shape", [(1, 70_000, 3), (0, 5, 3)])
def test_a_picture_jpeg_cannot_hold_is_counted(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    with keeper(tmp_path) as running:
        odd = frame(0, 0.0, np.zeros(shape, np.uint8))
        running.frame(odd)
        running.answer(odd, with_event(0, 0.0))
    assert running.kept.lost == {NO_JPEG: 2}
    assert list(tmp_path.iterdir()) == []


class FullDisk(Disk):
    """No space left, until `room`."""

    def __init__(self) -> None:
        self.room = False

    def write(self, path: Path, data: bytes) -> None:
        if not self.room:
            path.write_bytes(data[:10])
            raise OSError(errno.ENOSPC, "No space left on device")
        super().write(path, data)


def test_a_full_disk_is_counted_said_once_and_gets_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="edge.scene.keeping")
    disk = FullDisk()
    with keeper(tmp_path, disk=disk, pre_roll_s=1, post_roll_s=1) as running:
        film(running, 3, {5: "crossed", 10: "crossed"})
        assert list(tmp_path.iterdir()) == []
        disk.room = True
        film(running, 3, {235: "crossed"}, first=230)
    assert running.kept.lost == {DISK: 4}
    assert (running.kept.pictures, running.kept.clips) == (1, 1)
    assert [record.message for record in caplog.records] == [
        "front door: no picture can be kept: No space left on device", "front door: pictures are kept again",
    ]  # fmt: skip


def test_a_folder_that_cannot_be_made_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with keeper(tmp_path / "file" / "kept", clips=False) as running:
        film(running, 1, {3: "crossed"})
    assert running.kept.lost == {DISK: 1}


class HangingDisk(Disk):
    """Writes nothing before `let`."""

    def __init__(self) -> None:
        self.let = threading.Event()

    def write(self, path: Path, data: bytes) -> None:
        self.let.wait(60)
        super().write(path, data)


def test_a_disk_that_hangs_holds_nobody_up_and_the_loss_is_counted(tmp_path: Path) -> None:
    disk = HangingDisk()
    with keeper(tmp_path, disk=disk, clips=False) as running:
        told = [running.answer(frame(n, n / 10), with_event(n, n / 10)) for n in range(20)]
        disk.let.set()
    named = sum(result.events is not UNSET and result.events[0].snapshot != "" for result in told)
    assert _WAITING_JOBS <= named <= _WAITING_JOBS + 1
    assert running.kept.lost == {BUSY: 20 - named}
    assert running.kept.pictures == len(files(tmp_path, "jpg")) == named


def test_a_run_ended_in_the_middle_of_a_clip_closes_it(tmp_path: Path) -> None:
    with keeper(tmp_path, post_roll_s=60) as running:
        film(running, 2, {5: "crossed"})
    (clip,) = files(tmp_path, "mjpeg")
    assert pictures_in(clip) == 10


def test_nothing_happens_without_events_or_pixels(tmp_path: Path) -> None:
    blind = msgspec.structs.replace(frame(1, 0.1), pixels=None)
    with keeper(tmp_path / "kept") as running:
        running.frame(blind)
        assert running.answer(blind, with_event(1, 0.1)).events == with_event(1, 0.1).events
        film(running, 2, {})
    assert not (tmp_path / "kept").exists()


def test_a_clip_of_a_killed_process_plays_and_the_next_run_takes_it_over(tmp_path: Path) -> None:
    child = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from tests.edge.scene.test_keeping import film, keeper\n"
        "with keeper(Path(sys.argv[1]), snapshots=False, post_roll_s=60) as running:\n"
        "    film(running, 4, {10: 'crossed'})\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", child, str(tmp_path)], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    (clip,) = files(tmp_path, "mjpeg")
    assert pictures_in(clip) >= 10
    record = msgspec.json.decode(clip.with_suffix(".json").read_bytes(), type=ClipRecord)
    assert [event.kind for event in record.events] == ["crossed"]
    with keeper(tmp_path) as running:
        film(running, 1, {103: "crossed"}, first=100)
    assert running.kept.bytes >= sum(path.stat().st_size for path in tmp_path.iterdir())
