"""One conversion, one process: what it is asked, how it is started, and what its end means.

Converters of this size leak, print, hang when imported in the wrong order and now and then die by a signal. So each
runs as `python -m converters.worker JOB.json`; files carry the arrays, and an error we know travels back as
`JOB.failure.json`. What a job does stands in `converters/worker.py`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from msgspec import Struct

from contract import errors
from contract.codec import from_json, to_json
from contract.errors import FerryError, MissingPartError, ModelError
from contract.manifest import Preprocessing

Kind = Literal["tflite", "onnx-float", "onnx-int8"]
QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
    "KERAS_BACKEND": "tensorflow",
    "PYTHONHASHSEED": "0",
    "PYTHONWARNINGS": "ignore",
}
"""Conversions are the same on every machine: no GPU, no hash seed, and no chatter that hides the last line."""

NEEDS: dict[Kind, tuple[str, ...]] = {
    "tflite": ("tensorflow", "keras"),
    "onnx-float": ("tensorflow", "keras", "tf2onnx"),
    "onnx-int8": ("onnx", "onnxruntime"),
}
"""Packages looked for before a process is started for nothing."""


class Job(Struct, frozen=True, kw_only=True):
    """One conversion; every path is absolute."""

    kind: Kind
    model: str
    """`.keras` file, or the float `.onnx` for `onnx-int8`."""
    origin: str
    """What a person calls it, for messages."""
    preprocessing: Preprocessing
    frames: str
    """`.npy`, uint8 (N, H, W, C): fitted calibration pictures."""
    out: str
    """Where the converted model goes."""
    golden: str | None = None
    """`.npy` as `frames`: pictures the float model is asked about as well."""
    answers: str | None = None
    """`.npy`, float32 (N, classes): where its answers go."""


class Failure(Struct, frozen=True, kw_only=True):
    """A FerryError on its way home."""

    error: str
    what: str
    where: str
    fix: str


def run_together(jobs: Sequence[Job], folder: Path) -> None:
    """Run `jobs` side by side, each in a process of its own, with their files in `folder`.

    Raises what a job raised, or ModelError saying how its process ended. None is left running.
    """
    for job in jobs:
        _check_installed(job.kind)
    started = [(job, _start(job, folder)) for job in jobs]
    try:
        for job, process in started:
            if process.wait() != 0:
                raise _failure(job, process.returncode, folder)
    finally:
        for _, process in started:
            if process.poll() is None:
                process.kill()
            process.wait()
            assert process.stdin is not None
            process.stdin.close()


def failure_path(job_path: Path) -> Path:
    """Where the process of this job leaves its error."""
    return job_path.with_suffix(".failure.json")


def write_failure(job_path: Path, error: FerryError) -> None:
    """Leave `error` for the process that waits."""
    failure = Failure(error=type(error).__name__, what=error.what, where=error.where, fix=error.fix)
    failure_path(job_path).write_bytes(to_json(failure))


def _check_installed(kind: Kind) -> None:
    missing = [package for package in NEEDS[kind] if find_spec(package) is None]
    if missing:
        raise MissingPartError(
            f"{', '.join(missing)} not installed", where=f"conversion {kind}", fix="pip install 'edgeferry[converters]'"
        )


def _start(job: Job, folder: Path) -> subprocess.Popen[bytes]:
    job_path = folder / f"{job.kind}.json"
    job_path.write_bytes(to_json(job))
    with job_path.with_suffix(".log").open("wb") as log:
        command = [sys.executable, "-m", "converters.worker", str(job_path)]
        environment = {**os.environ, **QUIET}
        # The pipe is never written to: its end tells the worker that this process is gone, whatever ended it.
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, env=environment)


def _failure(job: Job, code: int, folder: Path) -> FerryError:
    job_path = folder / f"{job.kind}.json"
    left = failure_path(job_path)
    if left.is_file():
        failure = from_json(left.read_bytes(), Failure, where=str(left), error=ModelError)
        kind: type[FerryError] = getattr(errors, failure.error)
        return kind(failure.what, where=failure.where, fix=failure.fix)
    log = job_path.with_suffix(".log").read_text(errors="replace")
    return ModelError(
        f"the {job.kind} conversion {describe_end(code, log)}",
        where=job.origin,
        fix="If memory was short, close other programs and try again; otherwise report it with this model.",
    )


def describe_end(code: int, log: str) -> str:
    """How a process ended, for a sentence: `code` as `subprocess` gives it, `log` all it wrote."""
    if code == -signal.SIGKILL:
        return "was killed, most likely because memory ran out"
    if code < 0:
        return f"crashed ({signal.Signals(-code).name})"
    lines = [line for line in log.splitlines() if line.strip()]
    return f"failed: {lines[-1].strip() if lines else f'exit code {code}, without a word'}"
