"""Tries a load in a child process first, because a driver that does not fit kills or hangs the process that loads it.

libedgetpu built for another era of the runtime ends in SIGSEGV (google-coral/edgetpu#812); no exception can be caught
there. The child runs `MODULE:FUNCTION(argument, data)`; what it says comes back over a pipe of its own, so that the
libraries' remarks on its standard streams are nobody's answer.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from contract.errors import FerryError

_PR_SET_PDEATHSIG = 1
_LOOK_EVERY_S = 0.2
_LONGEST_REASON_BYTES = 2000  # fits a pipe whole, so the child never waits for its reader


def why_not(
    target: str, argument: str, data: bytes = b"", *, deadline_s: float, stop: threading.Event | None = None
) -> str | None:
    """None when `target` (`module:function`) returned in a child, else a clause saying why not: its error or its end.

    A child that has not finished after `deadline_s`, or when `stop` is set, is killed with all it has started.
    """
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as answer:
        try:
            child = _child(target, argument, data, writer)
        finally:
            os.close(writer)
        try:
            if not _ended(child, deadline_s, stop or threading.Event()):
                return f"it did not answer within {deadline_s:g} s"
        finally:
            _kill_group(child)  # also on KeyboardInterrupt, and whatever a finished child left behind
        os.set_blocking(answer.fileno(), False)
        reason = (answer.read(_LONGEST_REASON_BYTES) or b"").decode(errors="replace")
    if child.returncode == 0:
        return None
    return reason or _ending(child.returncode)


def _child(target: str, argument: str, data: bytes, writer: int) -> subprocess.Popen[bytes]:
    with os.fdopen(os.memfd_create("probe"), "w+b") as given:
        given.write(data)
        given.seek(0)
        return subprocess.Popen(
            [sys.executable, "-m", "edge.backends.probe", target, argument, str(writer)],
            stdin=given,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(writer,),
            start_new_session=True,
            # The child must find the very modules this process found.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)},
        )


def _ended(child: subprocess.Popen[bytes], deadline_s: float, stop: threading.Event) -> bool:
    """Whether it ended by itself in time."""
    deadline = time.monotonic() + deadline_s
    while not stop.is_set() and (left_s := deadline - time.monotonic()) > 0:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(min(left_s, _LOOK_EVERY_S))
            return True
    return False


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):  # all of it has ended already
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _ending(code: int) -> str:
    if code >= 0:
        return f"it ended the process with exit code {code}"
    try:
        return f"it killed the process ({signal.Signals(-code).name})"
    except ValueError:
        return f"it killed the process (signal {-code})"


def main(target: str, argument: str, writer: str) -> int:
    """What the child does: 0 when the function returned, 1 after writing its error's words to the pipe."""
    # A worker that is killed must not leave a builder of engines behind (prctl(2); the asking thread waits all along).
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    module, _, function = target.partition(":")
    try:
        getattr(importlib.import_module(module), function)(argument, sys.stdin.buffer.read())
    except (FerryError, OSError, RuntimeError, ValueError, ImportError, AttributeError) as problem:
        words = problem.what if isinstance(problem, FerryError) else str(problem) or type(problem).__name__
        os.write(int(writer), " ".join(words.split()).encode()[:_LONGEST_REASON_BYTES])
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
