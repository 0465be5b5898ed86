"""Conversions in processes of their own: what comes back when one does not end well."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from contract.errors import MissingPartError, ModelError
from contract.manifest import Preprocessing
from converters.jobs import Job, describe_end, run_together
from tests.converters.making import onnx_network, pictures

DIE = "import os, signal; os.kill(os.getpid(), signal.{})"


def job(folder: Path, model: Path) -> Job:
    """A quantisation of `model`, of all jobs the quickest to start."""
    np.save(folder / "frames.npy", np.zeros((4, 8, 8, 3), np.uint8))
    return Job(
        task="onnx-quantise",
        name="onnx-quantise",
        model=str(model),
        source_kind="onnx",
        outputs=("scores",),
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
    assert "not a model onnxruntime can run" in refused.value.what
    assert not (tmp_path / "out.onnx").exists()


def test_a_bug_in_the_process_is_a_model_error_here(tmp_path: Path) -> None:
    absent = replace(job(tmp_path, tmp_path / "absent.tflite"), task="tflite-still", name="still")
    with pytest.raises(ModelError, match="the step still failed: FileNotFoundError"):
        run_together([absent], tmp_path)


def test_a_program_that_is_absent_is_said_before_anything_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingPartError, match="onnx2tf is not on the PATH"):
        run_together([replace(job(tmp_path, tmp_path / "any.onnx"), task="onnx-tflite")], tmp_path)
    assert not list(tmp_path.glob("*.log"))


def test_a_job_waits_for_the_one_that_writes_what_it_reads(tmp_path: Path) -> None:
    first = replace(job(tmp_path, onnx_network(tmp_path / "small.onnx")), task="onnx-still", name="first")
    shaped = replace(first, preprocessing=Preprocessing(size_wh=(32, 32), layout="nchw"), outputs=("heat", "a_scores"))
    np.save(tmp_path / "frames.npy", pictures(4, 1))
    second = replace(shaped, task="onnx-quantise", name="second", model=shaped.out, out=str(tmp_path / "second.onnx"))
    run_together([second, shaped], tmp_path)
    assert (tmp_path / "second.onnx").is_file()
