"""Conversions in processes of their own: what comes back when one does not end well."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from contract.errors import ModelError
from contract.manifest import Preprocessing
from converters.jobs import Job, describe_end, run_together

DIE = "import os, signal; os.kill(os.getpid(), signal.{})"


def job(folder: Path, model: Path) -> Job:
    """A quantisation of `model`, of all jobs the quickest to start."""
    np.save(folder / "frames.npy", np.zeros((4, 8, 8, 3), np.uint8))
    return Job(
        kind="onnx-int8",
        model=str(model),
        origin=model.name,
        preprocessing=Preprocessing(size_wh=(8, 8)),
        frames=str(folder / "frames.npy"),
        out=str(folder / "out.onnx"),
    )


@pytest.mark.parametrize(("name", "expected"), [("SIGSEGV", "crashed (SIGSEGV)"), ("SIGKILL", "memory ran out")])
def test_a_process_that_died_by_a_signal_becomes_a_sentence(name: str, expected: str) -> None:
    ended = subprocess.run([sys.executable, "-c", DIE.format(name)], check=False)
    assert expected in describe_end(ended.returncode, "half a line")


def test_a_bug_is_told_by_its_last_line() -> None:
    assert describe_end(1, "Traceback\n  …\nTypeError: no\n\n") == "failed: TypeError: no"
    assert describe_end(3, "") == "failed: exit code 3, without a word"


def test_a_known_error_comes_back_as_itself(tmp_path: Path, shared_data: Path) -> None:
    broken = shared_data / "corrupt/models/corrupt-model.onnx"
    with pytest.raises(ModelError) as refused:
        run_together([job(tmp_path, broken)], tmp_path)
    assert refused.value.where == "corrupt-model.onnx"
    assert "onnxruntime refused to quantise it" in refused.value.what
    assert not (tmp_path / "out.onnx").exists()


def test_a_bug_in_the_process_is_a_model_error_here(tmp_path: Path) -> None:
    absent = job(tmp_path, tmp_path / "absent.onnx")
    (tmp_path / "frames.npy").unlink()
    with pytest.raises(ModelError, match="the onnx-int8 conversion failed: FileNotFoundError"):
        run_together([absent], tmp_path)
