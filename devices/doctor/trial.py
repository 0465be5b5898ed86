"""One library tried in a child process, so that whatever it does there becomes a sentence here.

The child may die of a signal, hang, raise, leave by itself, or answer wrongly; the doctor lives on and says which.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from msgspec import Struct

from devices.doctor.child import TRIALS

MODELS = Path(__file__).parent / "models"
_SIGNALS = {
    "SIGILL": "it was built for a newer processor than this one (SIGILL)",
    "SIGSEGV": "it crashed (SIGSEGV)",
    "SIGBUS": "it crashed (SIGBUS)",
    "SIGABRT": "it gave up with an inner error (SIGABRT)",
    "SIGKILL": "it was killed from outside, as the kernel does when memory is short (SIGKILL)",
}
_LONGEST_WORDS = 300


class Outcome(Struct, frozen=True, kw_only=True):
    """How a trial ended."""

    failure: str
    """A clause saying what happened; empty when the answer was right."""
    seconds: float


def try_library(name: str, argument: str, *, deadline_s: float) -> Outcome:
    """Import the library `name` of `TRIALS` in a child and run it once; after `deadline_s` the child is killed.

    `argument` is the model's path, or for libedgetpu the module that loads it and the device: `ai_edge_litert:usb`.
    """
    began = time.monotonic()
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as answers, tempfile.TemporaryFile() as said:
        try:
            child = subprocess.Popen(
                [sys.executable, "-m", "devices.doctor.child", name, argument, str(writer)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                pass_fds=(writer,),
                start_new_session=True,
                cwd="/",
                # The child must find the very modules this process finds.
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)},
            )
        finally:
            os.close(writer)
        hung = _hung(child, deadline_s)
        os.set_blocking(answers.fileno(), False)
        answer = answers.read() or b""
        said.seek(0)
        failure = f"it did not answer within {deadline_s:g} s" if hung else _failure(name, child, answer, said.read())
    return Outcome(failure=failure, seconds=time.monotonic() - began)


def _hung(child: subprocess.Popen[bytes], deadline_s: float) -> bool:
    """Whether it had to be ended; all that it started ends with it."""
    try:
        child.wait(deadline_s)
        return False
    except subprocess.TimeoutExpired:
        return True
    finally:
        with contextlib.suppress(ProcessLookupError):  # all of it has ended already
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _failure(name: str, child: subprocess.Popen[bytes], answer: bytes, said: bytes) -> str:
    if child.returncode < 0:
        return _died(-child.returncode)
    if child.returncode > 0:
        lines = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
        return _last_words(lines) or f"it ended its process with exit code {child.returncode}"
    if not answer:
        return "it ended its process without an answer"
    right = TRIALS[name][1]
    return "" if json.loads(answer) == right else f"it answered {answer.decode()[:40]} where {right} is right"


def _died(number: int) -> str:
    known = number in set(signal.Signals)
    name = signal.Signals(number).name if known else f"signal {number}"
    return _SIGNALS.get(name, f"it died of {name}")


def _last_words(lines: list[str]) -> str:
    """The error that ended the child: the last line that begins like one and is no remark of a dying object."""
    words, ignored = "", False
    for line in lines:
        if line.startswith("Exception ignored"):
            ignored = True  # what follows, up to its error, is a `__del__` that stumbled over the real error
        elif line.split(":")[0].rsplit(".", 1)[-1].endswith(("Error", "Exception", "Exit")):
            words, ignored = words if ignored else line, False
    return words if len(words) <= _LONGEST_WORDS else words[:_LONGEST_WORDS] + " …"
