from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT

PARENT = """
import sys
from edge.isolated import load_isolated
from tests.edge.colours import DIGEST, MODELS, manifest_of, plain
model = load_isolated(manifest_of(), DIGEST, MODELS / "colours_uint8.tflite")
print(model.backend.pid, flush=True)
sys.stdin.readline()
"""


def parent() -> tuple[subprocess.Popen[str], int]:
    """A process with an isolated model, and its worker's pid."""
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def gone(pid: int) -> bool:
    give_up_at = time.monotonic() + 10
    while time.monotonic() < give_up_at:
        try:
            if Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
                return True  # Whoever inherits orphans here is slow to bury them.
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("hung", [False, True])
def test_the_worker_ends_with_a_parent_that_is_killed_even_when_it_hangs(hung: bool) -> None:
    process, worker = parent()
    if hung:
        os.kill(worker, signal.SIGSTOP)
    process.kill()
    process.communicate()
    assert gone(worker)


def test_the_worker_ends_with_a_parent_that_forgot_to_close_it() -> None:
    process, worker = parent()
    process.communicate("\n")
    assert process.returncode == 0
    assert gone(worker)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_parent_decides_when_the_worker_ends(number: signal.Signals) -> None:
    process, worker = parent()
    os.kill(worker, number)
    time.sleep(0.2)
    state = Path(f"/proc/{worker}/stat").read_text().split()[2]
    process.communicate("\n")
    assert state != "Z"


def test_a_worker_whose_parent_is_gone_already_does_not_stay() -> None:
    ours, parents = os.pipe()
    os.close(parents)
    command = [sys.executable, "-m", "edge.worker", "0"]
    done = subprocess.run(command, stdin=ours, capture_output=True, text=True, check=False, timeout=60, cwd=ROOT)
    os.close(ours)
    assert done.returncode != 0
    assert "the process that started this worker is gone" in done.stderr
