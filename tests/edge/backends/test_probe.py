from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from contract.errors import BackendError
from edge.backends.probe import why_not

HERE = "tests.edge.backends.test_probe"


def fine(argument: str, data: bytes) -> None:
    sys.stdout.write("noise")
    Path(argument).write_bytes(data)


def refusing(_argument: str, _data: bytes) -> None:
    raise BackendError("no device  of\nthis kind", where="here", fix="Attach one.")


def killed(argument: str, _data: bytes) -> None:
    os.kill(os.getpid(), getattr(signal, argument))


def leaving(_argument: str, _data: bytes) -> None:
    os._exit(7)


def sleeping_without_reading(argument: str, _data: bytes) -> None:
    Path(argument).write_text(str(os.getpid()))
    time.sleep(600)


def test_what_works_in_the_child_has_no_reason_against_it(tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    assert why_not(f"{HERE}:fine", str(tmp_path / "out"), data, deadline_s=60) is None
    assert (tmp_path / "out").read_bytes() == data


@pytest.mark.parametrize(
    ("target", "argument", "reason"),
    [
        ("refusing", "", "no device of this kind"),
        ("killed", "SIGSEGV", "it killed the process (SIGSEGV)"),
        ("killed", "SIGILL", "it killed the process (SIGILL)"),
        ("leaving", "", "it ended the process with exit code 7"),
        ("absent", "", "module 'tests.edge.backends.test_probe' has no attribute 'absent'"),
    ],
)
def test_an_error_or_a_death_becomes_words(target: str, argument: str, reason: str) -> None:
    assert why_not(f"{HERE}:{target}", argument, deadline_s=60) == reason


def test_a_child_that_hangs_is_killed_at_the_deadline(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    reason = why_not(f"{HERE}:sleeping_without_reading", str(note), deadline_s=5)
    assert reason == "it did not answer within 5 s"
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


def test_a_child_nobody_wants_any_more_is_killed_at_once(tmp_path: Path) -> None:
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    begun = time.monotonic()
    assert why_not(f"{HERE}:sleeping_without_reading", str(tmp_path / "pid"), deadline_s=300, stop=stop) is not None
    assert time.monotonic() - begun < 100


def test_the_child_ends_with_the_process_that_asked(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    code = (
        f"from edge.backends.probe import why_not; why_not('{HERE}:sleeping_without_reading', '{note}', deadline_s=300)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    asking = subprocess.Popen([sys.executable, "-c", code], env=environment)
    wait_until(lambda: note.is_file() and note.read_text() != "")
    asking.kill()
    asking.wait()
    wait_until(lambda: gone(int(note.read_text())))


def gone(pid: int) -> bool:
    """No longer there, or dead and not yet collected by its new parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_until(done: Callable[[], bool]) -> None:
    for _ in range(600):
        if done():
            return
        time.sleep(0.1)
    raise AssertionError("waited a minute for nothing")
