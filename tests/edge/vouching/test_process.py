"""The judging process, when it is killed, stopped by its parent, or left alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from edge.deadline import Deadline
from edge.vouching.errors import MetadataError
from edge.vouching.process import verdict_on
from edge.vouching.talk import PINNED, Reply, Task, Want
from tests.edge.tuf_repository import MAY, TufRepository


@pytest.fixture
def task(tmp_path: Path) -> Task:
    repository = TufRepository(tmp_path / "served")
    scratch = tmp_path / "scratch"
    (scratch / "root_history").mkdir(parents=True)
    (scratch / PINNED).write_bytes(repository.pinned.read_bytes())
    return Task(folder=str(scratch), file_name="x", now_s=MAY)


def in_a_minute() -> Deadline:
    return Deadline(time.time() + 60.0, threading.Event())


def children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "edge.vouching.check" in child.cmdline()]


def test_a_repository_with_nothing_in_it_is_refused_in_words(task: Task) -> None:
    verdict = verdict_on(task, lambda _want: Reply(found=False), in_a_minute())
    assert (verdict.problem, verdict.detail) == ("refused", "there is no timestamp.json")
    assert verdict.anchor.version == 1
    assert children() == []


def test_a_process_that_is_killed_is_a_refusal(task: Task) -> None:
    def kill(_want: Want) -> Reply:
        os.kill(children()[0].pid, signal.SIGKILL)
        return Reply(found=False)

    with pytest.raises(MetadataError, match=r"judges update metadata (ended with status -9|cannot be spoken to)"):
        verdict_on(task, kill, in_a_minute())


def test_whatever_an_answer_raises_ends_the_process(task: Task) -> None:
    def fail(_want: Want) -> Reply:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        verdict_on(task, fail, in_a_minute())
    assert children() == []


def test_it_ends_with_its_parent() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "edge.vouching.check"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=30) != 0
