"""What happens when cameras fail: faults injected into real ones, the time back to a frame, and what is left behind.

Three kinds of camera, each as `open_source` or the agent would hold it: a command behind a pipe, an HTTP server on
loopback, and the reading child with a clip in the camera's place. A fault lasts a random while in which every attempt
meets it too; then the camera is sound again, and the time from that moment to the first frame counts.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median

import psutil

from contract.errors import DamagedFrameError
from edge.opencv import cv2
from edge.pictures import decode_picture, read_picture
from edge.sources import Source, open_source
from edge.sources.child import Asked, ChildSource
from edge.sources.reconnecting import ReconnectingSource
from scripts.benchmarks.figure import Figure, at_most
from tests.conftest import ROOT
from tests.edge.http_camera import PICTURE, HttpCamera

SEED = 20
_FAULTS = {"pipe": ("end", "hang", "garbage", "slow", "vanish"), "http": ("end", "hang", "garbage", "slow", "vanish")}
_CHILD_FAULTS = ("end", "hang", "vanish")
"""Garbage and slowness are FFmpeg's business there: to us both are an end or a hang."""
_RETURN_GOAL_S = 1.0
_FRAMES_BETWEEN = 12
_GIVE_UP_S = 30.0

_PIPE_CAMERA = """
import sys, time
picture, note = open(sys.argv[1], "rb").read(), sys.argv[2]
while True:
    habit = open(note).read()
    if habit in ("end", "vanish"):
        sys.exit(1)
    if habit != "hang":
        sys.stdout.buffer.write({"sound": picture, "garbage": bytes(range(200)) * 20, "slow": b"x"}[habit])
        sys.stdout.flush()
    time.sleep(0.01)
"""

Inject = Callable[[str], None]
"""Gives the camera a habit, or makes it `sound` again."""


def figures(short: bool) -> dict[str, Figure]:
    """Times to the first frame after each fault, what is left behind, and what became of the damaged files."""
    each = 14 if short else 100
    rng = random.Random(SEED)
    found: dict[str, Figure] = {}
    with _nothing_left(found):
        for kind, camera in (("pipe", _pipe), ("http", _http), ("child", _child)):
            with tempfile.TemporaryDirectory() as folder, camera(Path(folder)) as (source, inject):
                times_s = [_return_s(source, inject, fault, rng) for fault in _faults(kind, each, rng)]
            late = sum(time_s > _RETURN_GOAL_S for time_s in times_s)
            found[f"{kind}_return_median"] = Figure(median(times_s), f"s, of {each} faults")
            found[f"{kind}_return_worst"] = at_most(max(times_s), _RETURN_GOAL_S, "s")
            found[f"{kind}_returns_late"] = at_most(late, 0, f"of {each}")
    return found | _damaged_files()


def _faults(kind: str, count: int, rng: random.Random) -> list[str]:
    choice = _FAULTS.get(kind, _CHILD_FAULTS)
    return [rng.choice(choice) for _ in range(count)]


def _return_s(source: ReconnectingSource, inject: Inject, fault: str, rng: random.Random) -> float:
    """Seconds from the camera's return to the first frame, after `fault` was noticed and lasted a while."""
    for _ in range(_FRAMES_BETWEEN):
        _next_at(source)
    outages = source.outages
    inject(fault)
    until = time.monotonic() + _GIVE_UP_S
    while source.outages == outages and time.monotonic() < until:
        with suppress(TimeoutError):
            source.read(0.05)
    lasts_until = time.monotonic() + rng.uniform(0.0, 1.2)
    while time.monotonic() < lasts_until:
        with suppress(TimeoutError):
            source.read(0.05)
    inject("sound")
    returned = time.monotonic()
    return _next_at(source) - returned


def _next_at(source: ReconnectingSource) -> float:
    """When the next sound frame came."""
    until = time.monotonic() + _GIVE_UP_S
    while time.monotonic() < until:
        with suppress(TimeoutError):
            frame = source.read(0.05)
            if frame is not None and frame.error is None:
                return time.monotonic()
    return until


@contextmanager
def _pipe(folder: Path) -> Iterator[tuple[ReconnectingSource, Inject]]:
    note, picture, program = folder / "habit", folder / "picture.jpg", folder / "camera.py"
    picture.write_bytes(PICTURE)
    program.write_text(_PIPE_CAMERA)

    def inject(habit: str) -> None:
        (folder / "next").write_text(habit)
        (folder / "next").rename(note)

    inject("sound")
    yield from _held(open_source(f"pipe:{sys.executable} -S {program} {picture} {note}"), inject)


@contextmanager
def _http(_: Path) -> Iterator[tuple[ReconnectingSource, Inject]]:
    camera = HttpCamera()
    camera.__enter__()

    def inject(habit: str) -> None:
        nonlocal camera
        if habit == "vanish":
            camera.__exit__(None, None, None)
        elif camera.stopped:
            camera = HttpCamera(port=camera.port)
            camera.__enter__()
        else:
            camera.habit = habit

    try:
        yield from _held(open_source(camera.url), inject)
    finally:
        camera.__exit__(None, None, None)


@contextmanager
def _child(folder: Path) -> Iterator[tuple[ReconnectingSource, Inject]]:
    """A clip that comes and goes; `hang` stops the child, and a pipe nobody writes to stops each that follows."""
    clip, place = folder / "clip.avi", folder / "camera.avi"
    _write_clip(clip)
    opened: list[ChildSource] = []

    def opening() -> ChildSource:
        opened[:] = [ChildSource("clip", Asked(address=str(place), eager=False), fix="Check the clip.")]
        return opened[0]

    def inject(habit: str) -> None:
        if habit == "sound":
            blocked = place.rename(folder / "blocked") if place.is_fifo() else None
            place.symlink_to(clip)
            if blocked:
                _release(blocked)
            return
        place.unlink()
        if habit == "hang":
            os.mkfifo(place)
        os.kill(opened[0]._child.pid, signal.SIGSTOP if habit == "hang" else signal.SIGKILL)

    place.symlink_to(clip)
    yield from _held(ReconnectingSource(opening), inject)


def _release(pipe: Path) -> None:
    """Let a child that waits for the pipe's other end go on, to an end: a driver that returns with an error."""
    with suppress(OSError):
        os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
    pipe.unlink()


def _held(source: Source, inject: Inject) -> Iterator[tuple[ReconnectingSource, Inject]]:
    assert isinstance(source, ReconnectingSource)
    try:
        yield source, inject
    finally:
        source.close()


def _write_clip(path: Path) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 30, (64, 48))
    frame = cv2.resize(decode_picture(PICTURE, where="clip"), (64, 48))
    for _ in range(3000):
        writer.write(frame)
    writer.release()


@contextmanager
def _nothing_left(found: dict[str, Figure]) -> Iterator[None]:
    """Threads, descriptors, children and shared memory before and after."""
    before = _held_now()
    yield
    until = time.monotonic() + 5.0
    while _held_now() != before and time.monotonic() < until:
        time.sleep(0.05)
    after = _held_now()
    for name, count in after.items():
        found[f"leaked_{name}"] = at_most(count - before[name], 0, name)


def _held_now() -> dict[str, int]:
    process = psutil.Process()
    return {
        "threads": threading.active_count(),
        "descriptors": process.num_fds(),
        "children": len(process.children(recursive=True)),
        "shared_memory": len(list(Path("/dev/shm").iterdir())),  # nosec B108  # only counted
    }


def _damaged_files(folder: Path = ROOT.parent / "shared" / "data" / "corrupt" / "images") -> dict[str, Figure]:
    """Every damaged picture is either refused in words or read; anything else ends the benchmark."""
    files = sorted(folder.glob("*"))
    if not files:
        return {}
    stated = 0
    for file in files:
        with suppress(DamagedFrameError):
            read_picture(file)
        stated += 1
    return {"damaged_files_with_outcome": Figure(stated / len(files), f"of {len(files)}", "1.0", stated == len(files))}
