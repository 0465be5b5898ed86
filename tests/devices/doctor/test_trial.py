"""A library may do anything to the process that imports it; the parent gets a sentence."""

from __future__ import annotations

import os
import select
import time
from pathlib import Path

import pytest

from devices.doctor.child import TRIALS
from devices.doctor.libraries import LIBRARIES
from devices.doctor.trial import MODELS, try_library
from tests.devices.doctor import planted
from tests.devices.doctor.planted import plant

PROBE = str(MODELS / "probe.onnx")


@pytest.mark.parametrize(
    "library", [each for each in LIBRARIES if each.module != "tflite_runtime"], ids=lambda x: x.module
)
def test_what_is_installed_here_answers_rightly(library) -> None:  # type: ignore[no-untyped-def]
    outcome = try_library(library.module, str(MODELS / library.model), deadline_s=120)
    assert outcome.failure == ""


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (planted.DYING.format("SIGILL"), "it was built for a newer processor than this one (SIGILL)"),
        (planted.CRASHING, "it crashed (SIGSEGV)"),
        (planted.DYING.format("SIGUSR1"), "it died of SIGUSR1"),
        (planted.DYING.format("SIGRTMIN + 3"), "it died of signal "),
        (planted.DYING.format("SIGKILL"), "as the kernel does when memory is short (SIGKILL)"),
        (planted.REFUSING, "ImportError: libcudart.so.12: cannot open shared object file"),
        (planted.LEAVING, "it ended its process without an answer"),
        ("import sys\nsys.exit(7)\n", "it ended its process with exit code 7"),
        (planted.ANSWERING.format(8), "it answered 8.0 where 9.0 is right"),
        (planted.ANSWERING.format(9), ""),
    ],
)
def test_a_death_an_error_or_a_wrong_answer_becomes_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, words: str
) -> None:
    monkeypatch.syspath_prepend(plant(tmp_path, "onnxruntime", body))
    failure = try_library("onnxruntime", PROBE, deadline_s=120).failure
    assert words in failure
    assert bool(words) == bool(failure)


def test_a_library_that_hangs_is_ended_with_all_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = f"import subprocess\nchild = subprocess.Popen(['sleep', '600'])\nopen({str(tmp_path / 'pid')!r}, 'w')"
    body += f".write(str(child.pid))\n{planted.HANGING}"
    monkeypatch.syspath_prepend(plant(tmp_path, "onnxruntime", body))
    began = time.monotonic()
    assert try_library("onnxruntime", PROBE, deadline_s=3).failure == "it did not answer within 3 s"
    assert time.monotonic() - began < 30
    assert ended(int((tmp_path / "pid").read_text()), within_s=30)


def ended(process: int, *, within_s: float) -> bool:
    """Whether that process ends, or has."""
    try:
        watched = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], within_s)[0])
    finally:
        os.close(watched)


def test_the_error_is_told_and_not_the_remark_of_an_object_that_died_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = """
class Half:
    def __del__(self): self.library
half = Half()
raise OSError('libtoy.so: cannot open shared object file')
"""
    monkeypatch.syspath_prepend(plant(tmp_path, "onnxruntime", body))
    failure = try_library("onnxruntime", PROBE, deadline_s=120).failure
    assert failure == "OSError: libtoy.so: cannot open shared object file"


def test_the_models_are_small_enough_to_ship_and_every_library_has_its_trial() -> None:
    assert {library.module for library in LIBRARIES} | {"libedgetpu"} == set(TRIALS)
    for library in LIBRARIES:
        if library.model:
            assert 0 < (MODELS / library.model).stat().st_size < 2048
