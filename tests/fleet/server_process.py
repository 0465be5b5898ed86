"""A whole `edgeferry fleet serve`, as a person starts it, in a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from fleet.client import Client
from tests.fleet.simulated import FLEET

T = TypeVar("T")


class ServerProcess:
    """Started and listening once made; `stop` ends it as systemd would."""

    def __init__(self, folder: Path, broker_url: str, *options: str) -> None:
        self.words = folder / "server.log"
        given = {
            "--fleet": FLEET,
            "--broker": broker_url,
            "--store": f"sqlite:///{folder / 'fleet.db'}",
            "--repository": str(folder / "repository"),
            "--port": "0",
        }
        flat = [word for pair in given.items() for word in pair]
        command = [sys.executable, "-m", "edgeferry", "fleet", "serve", "--json", *flat, *options]
        with self.words.open("ab") as words:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=words, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.words.read_text()
        self.ready: dict[str, Any] = json.loads(line)
        self.url: str = self.ready["url"]
        self.client = Client(self.url)

    def get(self, path: str) -> Any:
        """What the server answers to a GET, decoded."""
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return json.load(answer)

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.finish()

    def finish(self) -> int:
        """Wait for the end."""
        try:
            return self.process.wait(20)
        finally:
            self.process.kill()
            assert self.process.stdout is not None
            self.process.stdout.close()


def eventually(ask: Callable[[], T], *, within_s: float = 15.0) -> T:
    """The first answer that is true; the last one where none is."""
    deadline = time.monotonic() + within_s
    while not (answer := ask()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return answer
