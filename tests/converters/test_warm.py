"""Jobs in copies of one process: how each ends is told, and none outlives the one who asked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import pytest

from tests.conftest import ROOT

SERVE = """
import os, signal, sys
from pathlib import Path
from converters.warm import serve

def work(path):
    print("heard", path.stem, flush=True)
    if path.stem == "late":
        __import__("time").sleep(60)
    if path.stem == "known":
        sys.exit(5)
    if path.stem == "bug":
        raise TypeError("no")
    if path.stem == "signal":
        os.kill(os.getpid(), signal.SIGSEGV)

serve(work)
"""


@pytest.mark.parametrize(("name", "code", "words"), [("well", 0, ""), ("known", 5, ""), ("bug", 1, "TypeError: no")])
def test_a_job_ends_with_its_own_code_and_its_words_in_its_own_log(
    tmp_path: Path, name: str, code: int, words: str
) -> None:
    assert _told(tmp_path, name) == f"7 {code}\n"
    log = (tmp_path / f"{name}.log").read_text()
    assert log.startswith(f"heard {name}")
    assert words in log


def test_a_job_that_crashes_takes_nobody_along(tmp_path: Path) -> None:
    assert _told(tmp_path, "signal", "well") in ("7 -11\n8 0\n", "8 0\n7 -11\n")


def test_the_end_of_the_one_who_asked_is_the_end_of_all(tmp_path: Path) -> None:
    process = _started()
    assert process.stdin is not None
    process.stdin.write(f"7 {tmp_path}/late.json\n")
    process.stdin.flush()
    log = tmp_path / "late.log"
    until = monotonic() + 30
    while not (log.is_file() and log.read_text()) and monotonic() < until:
        sleep(0.02)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert said == ""


def _started() -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SERVE]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def _told(folder: Path, *names: str) -> str:
    """What is said of these jobs, once all have ended."""
    process = _started()
    assert process.stdin is not None
    assert process.stdout is not None
    for number, name in enumerate(names, start=7):
        process.stdin.write(f"{number} {folder}/{name}.json\n")
    process.stdin.flush()
    said = "".join(process.stdout.readline() for _ in names)
    process.communicate(timeout=30)
    return said
