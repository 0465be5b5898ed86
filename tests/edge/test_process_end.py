"""The end of a child process."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from edge.process_end import end_now, how_it_ended


def started(code: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code])


@pytest.mark.parametrize(
    ("code", "cause", "words"),
    [
        ("import sys; sys.exit(3)", "exit", "ended with exit status 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV", "died of SIGSEGV"),
    ],
)
def test_an_end_has_a_word_to_count_by_and_words_for_a_person(code: str, cause: str, words: str) -> None:
    process = started(code)
    process.wait()
    lost = how_it_ended(process)
    assert (lost.cause, lost.words) == (cause, words)


def test_a_process_that_only_hung_up_is_still_there() -> None:
    process = started("import time; time.sleep(60)")
    assert how_it_ended(process).cause == "protocol"
    end_now(process)
    assert process.returncode == -signal.SIGKILL


def test_ending_one_that_is_gone_already_is_no_mistake() -> None:
    process = started("")
    process.wait()
    began_s = time.monotonic()
    end_now(process)
    assert time.monotonic() - began_s < 5.0
    assert process.returncode == 0
