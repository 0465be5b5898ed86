"""One process that has imported TensorFlow, and a copy of it for every job: `python -m converters.warm`.

The import takes ten seconds of a processor and most conversions take less, so they share it and nothing else: each job
runs in a process forked from here, which ends with it, and TensorFlow starts its threads there. Nothing of TensorFlow
may run in this process itself, as a fork copies no threads.

Job files come as lines on standard input, each with a number; what comes back on standard output is the number of each
job that ended and its exit code. The end of standard input ends this process and all jobs that still run.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

_POLL_S = 0.02
_PR_SET_PDEATHSIG = 1
"""prctl(2): the signal a process gets when its parent ends."""


class Warm:
    """The side of the one who has jobs; the process is started with the first of them."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self._environment, self._log = environment, log
        self._process: subprocess.Popen[bytes] | None = None
        self._codes: dict[int, int] = {}
        self._submitted, self._unread = 0, b""

    def submit(self, job_path: Path) -> Submitted:
        """Have a job done; its words go to its own log."""
        if self._process is None:
            command = [sys.executable, "-m", "converters.warm"]
            with self._log.open("wb") as log:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=self._environment
                )
        assert self._process.stdin is not None
        self._submitted += 1
        with suppress(BrokenPipeError):  # it died: `code` says so
            self._process.stdin.write(f"{self._submitted} {job_path}\n".encode())
            self._process.stdin.flush()
        return Submitted(self._submitted, self)

    def code(self, number: int) -> int | None:
        """The exit code of a job, as `subprocess` gives it; None while it runs. A dead process takes all with it."""
        self._listen()
        if number not in self._codes and self._process is not None:
            return self._process.poll()
        return self._codes.get(number)

    def close(self) -> None:
        """End the process, and every job in it."""
        if self._process is not None:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            with suppress(BrokenPipeError):  # closing may have to write what a dead process never read
                self._process.stdin.close()
            self._process.wait()
            self._process.stdout.close()

    def _listen(self) -> None:
        """Take in what was said since; never wait."""
        assert self._process is not None
        assert self._process.stdout is not None
        heard = self._process.stdout.fileno()
        while select.select([heard], [], [], 0)[0] and (piece := os.read(heard, 4096)):
            *lines, self._unread = (self._unread + piece).split(b"\n")
            self._codes |= {int(number): int(code) for number, code in map(bytes.split, lines)}


class Submitted:
    """One job there, as far as `jobs.run_together` asks for a process."""

    def __init__(self, number: int, warm: Warm) -> None:
        self._number, self._warm = number, warm

    def poll(self) -> int | None:
        """Its exit code, or None while it runs."""
        return self._warm.code(self._number)


def serve(work: Callable[[Path], None]) -> None:
    """Fork for every line until there are no more; then end what still runs."""
    running: dict[int, int] = {}
    unread = b""
    while True:
        if select.select([0], [], [], _POLL_S)[0]:
            piece = os.read(0, 4096)
            if not piece:
                break
            *lines, unread = (unread + piece).split(b"\n")
            for line in lines:
                number, path = line.decode().split(" ", 1)
                running[_forked(work, Path(path))] = int(number)
        for process, code in _ended(running):
            os.write(1, f"{running.pop(process)} {code}\n".encode())
    for process in running:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


def _ended(running: Mapping[int, int]) -> list[tuple[int, int]]:
    """Processes that ended since, and how."""
    found = []
    for process in running:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            found.append((process, os.waitstatus_to_exitcode(status)))
    return found


def _forked(work: Callable[[Path], None], job_path: Path) -> int:
    """The number of a process that does this job and ends."""
    sys.stdout.flush()
    sys.stderr.flush()
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        _redirect(job_path.with_suffix(".log"))
        work(job_path)
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:  # noqa: BLE001 - what an interpreter does at its end: the log has the traceback
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # Not by the interpreter's own end, which would wait for threads that were not copied.
        os._exit(code)


def _redirect(log: Path) -> None:
    nothing, words = os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    os.dup2(nothing, 0)
    os.dup2(words, 1)
    os.dup2(words, 2)


if __name__ == "__main__":
    import keras  # noqa: F401 - the import is what this process is for
    import tensorflow  # noqa: F401

    from converters.worker import main

    serve(main)
