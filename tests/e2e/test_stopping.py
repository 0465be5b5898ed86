"""Commands stopped in the middle of their work: nothing that looks whole is left, and no process goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.conftest import ROOT
from tests.e2e.refusal import contents

PATIENCE_S = 90
"""Until something is called hung: importing TensorFlow takes a busy machine half a minute."""
STOPPED = {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGKILL: -signal.SIGKILL}


def started(folder: Path, *arguments: str | Path) -> subprocess.Popen[str]:
    """The command in a process group of its own, at work in `folder`."""
    command = [sys.executable, "-m", "edgeferry", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder / "scratch")}
    (folder / "scratch").mkdir()
    return subprocess.Popen(
        command, cwd=folder, stderr=subprocess.PIPE, text=True, start_new_session=True, env=environment
    )


def await_line(process: subprocess.Popen[str], beginning: str) -> None:
    """Read what it says until it says that."""
    assert process.stderr is not None
    assert any(line.startswith(beginning) for line in process.stderr), f"it never said {beginning}"


@pytest.mark.parametrize(("number", "moment"), [(signal.SIGINT, "Reading"), (signal.SIGTERM, "epoch 1")])
def test_a_stopped_training_leaves_no_run(number: signal.Signals, moment: str, tmp_path: Path) -> None:
    training = started(tmp_path, "train", "digits", "--out", "new/run", "--epochs", "9")
    await_line(training, moment)
    training.send_signal(number)
    _, words = training.communicate(timeout=PATIENCE_S)
    assert training.returncode == STOPPED[number], words
    assert "Traceback" not in words
    assert contents(tmp_path) == {"scratch": None}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_stopped_conversion_takes_its_workers_along(number: signal.Signals, digits_run: Path, tmp_path: Path) -> None:
    converting = started(tmp_path, "convert", digits_run, "--for", "rpi4,jetson-orin-jp6", "--out", "bundles")
    await_line(converting, "Converting")
    workers = _two_children(converting.pid)
    converting.send_signal(number)
    _, words = converting.communicate(timeout=PATIENCE_S)
    assert converting.returncode == STOPPED[number], words
    assert "Traceback" not in words
    _, alive = psutil.wait_procs(workers, timeout=PATIENCE_S)
    assert alive == []
    assert not (tmp_path / "bundles").exists()
    if number != signal.SIGKILL:
        assert contents(tmp_path) == {"scratch": None}


def _two_children(pid: int) -> list[psutil.Process]:
    """The workers of both formats, once both have been started."""
    parent = psutil.Process(pid)
    deadline = time.monotonic() + PATIENCE_S
    while len(children := parent.children()) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(children) == 2
    return children
