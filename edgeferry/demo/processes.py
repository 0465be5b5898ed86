"""Children of the demo: started with their output in files, waited for, and always stopped again."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from contract.errors import FerryError

T = TypeVar("T")
PATIENCE_S = 20.0
"""For a child to end after being asked; an agent flushes its outbox for 5 s."""


class DemoError(FerryError):
    """A step of the demo that did not do what it promises."""


class Children:
    """Long-running processes by name; leaving the `with` block stops them, the last started first."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        logs.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Children:
        return self

    def __exit__(self, *_: object) -> None:
        for name in reversed(list(self._running)):
            self.stop([name])

    def start(self, name: str, command: list[str]) -> None:
        """Run `command` with both outputs in `NAME.log`."""
        with (self._logs / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def stop(self, names: list[str]) -> None:
        """Ask all of them politely at once, so that they finish side by side; insist with those that do not."""
        processes = [self._running.pop(name) for name in names]
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            _see_off(process)

    def check(self) -> None:
        """Raise DemoError with the end of its log if one has ended by itself."""
        for name, process in self._running.items():
            if process.poll() is not None:
                log = self._logs / f"{name}.log"
                raise _ended(name, process.returncode, log)

    def wait_until(self, what: str, ask: Callable[[], T | None], *, limit_s: float, every_s: float = 0.2) -> T:
        """The first answer of `ask` that is not None; meanwhile every child must stay alive."""
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            self.check()
            answer = ask()
            if answer is not None:
                return answer
            time.sleep(every_s)
        late = f"{what} did not happen within {limit_s:.0f} s"
        raise DemoError(late, where=str(self._logs), fix="Read the logs there.")


def _see_off(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def edgeferry(*arguments: str | Path, log: Path) -> Any:
    """Run one `edgeferry … --json` to its end and return what it printed; its words go to `log`."""
    command = [sys.executable, "-m", "edgeferry", *map(str, arguments), "--json"]
    with log.open("ab") as words:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=words, check=False)
    if done.returncode != 0:
        raise _ended(f"edgeferry {arguments[0]}", done.returncode, log)
    return json.loads(done.stdout)


def _ended(name: str, code: int, log: Path) -> DemoError:
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-8:])
    return DemoError(f"{name} ended with {code}:\n{tail}", where=str(log), fix="Read the log.")


def get_json(url: str) -> Any | None:
    """What the fleet server answers, or None while it does not."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # nosec B310  # our own server's address
            return json.load(answer)
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return None


def free_port() -> int:
    """A TCP port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
