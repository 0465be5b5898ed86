"""The real agent, started thousands of times and made to be killed, for the campaign of `updates_kills.py`.

    python -m scripts.benchmarks._kills_agents FOLDER          a fork server: one JSON `Life` a line in, one line out
    python -m scripts.benchmarks._kills_agents FOLDER LIFE     one agent, started as systemd would, and nothing else

The fork server has imported what an agent imports and forks a child for each start, which saves the 0.3 s that Python
needs for it; from there on the child is `edge.agent.Agent` with its threads, its outbox, its broker and its vision
process. FOLDER holds `device.toml`. A child may be told to end itself by SIGKILL, before, after or in the middle of a
chosen disk verb, or a moment after it has recorded a chosen state: moments that are too short to be hit by chance.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import paho.mqtt.client
import zstandard
from msgspec import Struct

from contract.codec import from_json
from contract.errors import ConfigError
from contract.progress import Progress
from edge.agent import Agent
from edge.device_file import read_device_file
from edge.durable import Disk
from edge.progress import FILE_NAME
from edge.vision.process import PROGRAM

STAND_IN = (sys.executable, "-I", "-S", str(Path(__file__).with_name("_kills_vision.py")))
PRELOADED = (paho.mqtt.client, zstandard)
"""Imported by an agent only when it needs them."""
_PR_SET_PDEATHSIG = 1
"""prctl(2): a campaign that is broken off leaves no agent behind."""
Side = Literal["before", "half", "after"]


class Life(Struct, frozen=True, kw_only=True):
    """One start of an agent, and how it ends itself, if it does."""

    real_vision: bool = False
    state: str = ""
    """Once this state is recorded: empty for the start."""
    verb: int = 0
    """At so manieth disk verb after that; 0 for none."""
    side: Side = "before"
    delay_s: float | None = None
    """So long after that."""


class MortalDisk(Disk):
    """The real disk, until the chosen moment."""

    def __init__(self, life: Life) -> None:
        self._life, self._armed, self._left = life, False, life.verb
        self._arm("")

    def write(self, path: Path, data: bytes) -> None:
        self._verb(lambda part: super(MortalDisk, self).write(path, data[: int(len(data) * part)]))

    def append(self, path: Path, data: bytes) -> None:
        self._verb(lambda part: super(MortalDisk, self).append(path, data[: int(len(data) * part)]))

    def truncate(self, path: Path, size_bytes: int) -> None:
        self._verb(lambda _: super(MortalDisk, self).truncate(path, size_bytes))

    def make_folder(self, path: Path) -> None:
        self._verb(lambda _: super(MortalDisk, self).make_folder(path))

    def remove(self, path: Path) -> None:
        self._verb(lambda _: super(MortalDisk, self).remove(path))

    def sync(self, path: Path) -> None:
        self._verb(lambda _: super(MortalDisk, self).sync(path))

    def rename(self, source: Path, target: Path) -> None:
        self._verb(lambda _: super(MortalDisk, self).rename(source, target))
        if target.name == FILE_NAME:
            progress = from_json(target.read_bytes(), Progress, where=str(target), error=ConfigError)
            self._arm(progress.state)

    def _arm(self, state: str) -> None:
        life = self._life
        if self._armed or state != life.state:
            return
        self._armed = True
        if life.delay_s is not None:
            timer = threading.Timer(life.delay_s, _die)
            timer.daemon = True
            timer.start()

    def _verb(self, do: Callable[[float], None]) -> None:
        """Carry out one, whole or by halves; `do` takes the share that is written."""
        self._left -= self._armed
        due = self._armed and self._life.verb > 0 and self._left == 0
        if due and self._life.side == "before":
            _die()
        do(0.5 if due and self._life.side == "half" else 1.0)
        if due:
            _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def live(folder: Path, life: Life) -> None:
    """One agent until it is killed, or told to end."""
    program = PROGRAM if life.real_vision else STAND_IN
    agent = Agent(read_device_file(folder / "device.toml"), disk=MortalDisk(life), vision_program=program)
    signal.signal(signal.SIGTERM, lambda *_: agent.stop())
    agent.run()


def serve(folder: Path) -> None:
    """Fork an agent for each line and answer its pid and how the one before ended (waitpid(2)).

    A dead child stays a zombie until the next line, so that its pid is nobody else's.
    """
    child, status = 0, signal.SIGKILL.value
    for line in sys.stdin.buffer:
        if child:
            _, status = os.waitpid(child, 0)
        life = from_json(line, Life, where="stdin", error=ConfigError)
        child = os.fork()
        if child == 0:
            _begin(folder, life)
        os.write(1, b"%d %d\n" % (child, status))


def _begin(folder: Path, life: Life) -> None:
    """In the child, which must never come back to the loop."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        for handle in (0, 1):
            os.dup2(nothing, handle)
        live(folder, life)
    except BaseException:  # whatever it is, it must not unwind into the fork server's loop
        logging.getLogger(__name__).exception("the agent ended")
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(process)d %(message)s")
    place = Path(sys.argv[1])
    if len(sys.argv) > 2:
        live(place, from_json(sys.argv[2].encode(), Life, where="argv", error=ConfigError))
    else:
        serve(place)
