"""One device of the campaign in `updates_kills.py`, held from outside: started, listened to, killed.

It listens as systemd does: `READY=1` and `WATCHDOG=1` on NOTIFY_SOCKET are the agent's own words that it serves, and
that frames have gone through its loop since.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from contract.codec import to_json
from scripts.benchmarks._kills_agents import Life

_PROGRAM = (sys.executable, "-m", "scripts.benchmarks._kills_agents")
_WATCHDOG_US = 30_000
"""The agent speaks at most three times in it: at every pulse of the vision process."""


class Served(NamedTuple):
    """The first frame after a start."""

    after_s: float
    release: str


class Host:
    """The processes of one device, whose folder has `device.toml`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(str(folder / "notify"))
        environment = {"NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": str(_WATCHDOG_US)}
        self._environment = {**os.environ, **environment}
        self._log = (folder / "agent.log").open("ab")
        self._server = self._popen((), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._alone: subprocess.Popen[bytes] | None = None
        self.pid, self._end, self._began_s = 0, -1, 0.0
        self.odd_end = 0
        """The wait status of an agent that was not killed and ended all the same, told at the next start."""
        self._read = 0

    def start(self, life: Life, *, alone: bool) -> None:
        """Begin one; `alone` in a process of its own from the first instruction on."""
        while select.select([self._notify], [], [], 0)[0]:
            self._notify.recv(1000)
        self._began_s = time.monotonic()
        if alone:
            self._alone = self._popen((to_json(life).decode(),))
            self.pid = self._alone.pid
        else:
            assert self._server.stdin is not None
            assert self._server.stdout is not None
            self._server.stdin.write(to_json(life) + b"\n")
            self.pid, status = map(int, self._server.stdout.readline().split())
            self.odd_end = 0 if status == signal.SIGKILL else status
        self._end = os.pidfd_open(self.pid)

    def cpu_s(self) -> float:
        """Processor time of the agent and all its processes so far."""
        agent = psutil.Process(self.pid)
        with suppress(psutil.NoSuchProcess):
            return sum(sum(one.cpu_times()[:2]) for one in (agent, *agent.children(recursive=True)))
        return 0.0

    @property
    def age_s(self) -> float:
        """Since its start."""
        return time.monotonic() - self._began_s

    def first_frame(self, patience_s: float) -> Served | None:
        """When the agent first says that a frame went through; None if it ended before, or took longer."""
        release = ""
        while self.age_s < patience_s:
            ready, _, _ = select.select([self._notify, self._end], [], [], patience_s - self.age_s)
            if self._notify in ready:
                word = self._notify.recv(1000).decode()
                if word.startswith("READY=1"):
                    release = word.rpartition(" ")[2]
                elif word.startswith("WATCHDOG") and release:
                    return Served(self.age_s, release)
            elif self._end in ready:
                return None
        return None

    def ended(self, within_s: float) -> bool:
        """Whether it ends by itself."""
        return bool(select.select([self._end], [], [], max(0.0, within_s))[0])

    def kill(self) -> None:
        """SIGKILL, if it still runs, and gone when this returns."""
        signal.pidfd_send_signal(self._end, signal.SIGKILL)
        self.ended(10.0)
        os.close(self._end)
        if self._alone is not None:
            self._alone.wait()
            self._alone = None

    def ran(self) -> Sequence[dict[str, Any]]:
        """What the stand-in vision processes have written down since the last call."""
        record = self.folder / "ran.jsonl"
        if not record.exists():
            return ()
        with record.open("rb") as stream:
            stream.seek(self._read)
            data = stream.read()
        self._read += len(data)
        return [json.loads(line) for line in data.splitlines()]

    def close(self) -> None:
        """The fork server goes too."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait()
        self._server.stdout.close()
        self._notify.close()
        self._log.close()

    def _popen(self, arguments: Sequence[str], **streams: int) -> subprocess.Popen[bytes]:
        command = [*_PROGRAM, str(self.folder), *arguments]
        return subprocess.Popen(command, env=self._environment, stderr=self._log, bufsize=0, **streams)
