"""One step, one process: what it is asked, how it is started, and what its end means.

Converters of this size leak, print, hang when imported in the wrong order and now and then die by a signal. So each
runs as `python -m converters.worker JOB.json`, or in a copy of a process that has TensorFlow already
(`converters/warm.py`); files carry the arrays, and an error we know travels back as `JOB.failure.json`. What a job does
stands in `converters/worker.py`.

Jobs that do not wait for one another run side by side, as many as there are processors and as memory allows.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from time import sleep
from typing import Literal, Protocol

from msgspec import Struct

from contract import errors
from contract.codec import from_json, to_json
from contract.errors import FerryError, MissingPartError, ModelError
from contract.manifest import Preprocessing, State
from converters.onnx_form import OnnxForm
from converters.recipe import Recipe
from converters.source import SourceKind
from converters.stages import Kernels
from converters.warm import Warm
from converters.ways import Step

Task = Step | Literal["answers", "kernels", "layer-errors"]
QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
    "KERAS_BACKEND": "tensorflow",
    "PYTHONHASHSEED": "0",
    "PYTHONWARNINGS": "ignore",
    "MALLOC_MMAP_THRESHOLD_": str(1024**2),
}
"""Conversions are the same on every machine: no GPU, no hash seed, and no chatter that hides the last line. Memory of
weights goes back to the system at once: glibc would keep what it expects to be asked for again, a GB for a VGG16."""

_TENSORFLOW = ("tensorflow", "keras")
NEEDS: dict[Task, tuple[str, ...]] = {
    "tensorflow-tflite": _TENSORFLOW,
    "tensorflow-onnx": (*_TENSORFLOW, "tf2onnx"),
    "tflite-quantise": ("litert_quantizer",),
    "tflite-onnx": ("tf2onnx", "tensorflow"),
    "onnx-still": ("onnx", "onnxruntime"),
    "onnx-real": ("onnx",),
    "onnx-half": ("onnx", "onnxruntime"),
    "onnx-quantise": ("onnx", "onnxruntime"),
}
"""Packages looked for before a process is started for nothing."""
PROGRAMS: dict[Task, str] = {"onnx-tflite": "onnx2tf"}
"""Programs on the PATH that a step calls, with environments of their own."""
BASE_MIB = 700
COPIES = 10
"""Memory a step is thought to take: an interpreter with its libraries, and its model so many times over. Measured with
the networks of keras.applications, which stay below; see docs/converters.md."""
SHARE_OF_MEMORY = 0.7
MOST_AT_ONCE = 4
_POLL_S = 0.02


class Job(Struct, frozen=True, kw_only=True):
    """One step; every path is absolute."""

    task: Task
    name: str
    """Of the job's own files, and unique among those of one folder."""
    model: str
    """What the step reads: the source, or what an earlier step wrote."""
    source_kind: SourceKind
    """Of the source itself, for the steps that begin with it."""
    origin: str
    """What a person calls it, for messages."""
    preprocessing: Preprocessing
    outputs: tuple[str, ...]
    """The source's, in its order: what the artifact's are called."""
    states: tuple[State, ...] = ()
    frames: str
    """`.npy`, uint8 (N, H, W, C): fitted pictures."""
    out: str
    """Where the result goes."""
    recipe: Recipe | None = None
    """What the artifact is to be, where the step makes several."""
    keep_float: tuple[str, ...] = ()
    """Layers a quantiser leaves in floating point, by the names of `converters/layer_errors.py`."""
    form: OnnxForm = OnnxForm()
    kernels: Kernels | None = None
    """What computes the model, for a stage of the gate."""
    quantised: str | None = None
    """The other model of a comparison."""


class _Process(Protocol):
    def poll(self) -> int | None: ...


class Failure(Struct, frozen=True, kw_only=True):
    """A FerryError on its way home."""

    error: str
    what: str
    where: str
    fix: str


def run_together(jobs: Sequence[Job], folder: Path) -> None:
    """Run `jobs`, each in a process of its own, side by side as far as they fit; their files stand in `folder`.

    A job waits for those that write the file it reads. Raises what a job raised, or ModelError saying how its process
    ended. None is left running.
    """
    for job in jobs:
        check_installed(job.task)
    waiting, running = list(jobs), dict[str, tuple[Job, _Process]]()
    warm = Warm(_environment(folder), folder / "warm.log")
    started: list[subprocess.Popen[bytes]] = []
    try:
        while waiting or running:
            for job in _startable(waiting, [job for job, _ in running.values()]):
                waiting.remove(job)
                job_path = _write(job, folder)
                if _imports_tensorflow(job):
                    running[job.name] = (job, warm.submit(job_path))
                else:
                    started.append(_start(job_path))
                    running[job.name] = (job, started[-1])
            sleep(_POLL_S)
            for job, process in list(running.values()):
                code = process.poll()
                if code is not None:
                    del running[job.name]
                    if code != 0:
                        raise _failure(job, code, folder)
    finally:
        for process in started:
            process.kill()
            _end(process)
        warm.close()


def failure_path(job_path: Path) -> Path:
    """Where the process of this job leaves its error."""
    return job_path.with_suffix(".failure.json")


def write_failure(job_path: Path, error: FerryError) -> None:
    """Leave `error` for the process that waits."""
    failure = Failure(error=type(error).__name__, what=error.what, where=error.where, fix=error.fix)
    failure_path(job_path).write_bytes(to_json(failure))


def write_peak(job_path: Path) -> None:
    """Leave beside the job how much memory this process took at most, in MiB."""
    peak_path(job_path).write_text(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}\n")


def peak_path(job_path: Path) -> Path:
    """Where a process leaves that."""
    return job_path.with_suffix(".peak")


def largest_mib(folder: Path) -> float:
    """The most that any process took whose files stand in `folder`; 0 where none came to its end."""
    return max((float(path.read_text()) for path in folder.glob("*.peak")), default=0.0)


def check_installed(task: Task) -> None:
    """MissingPartError where a package or a program is absent that the step needs."""
    program = PROGRAMS.get(task)
    if program is not None and shutil.which(program) is None:
        raise MissingPartError(
            f"the program {program} is not on the PATH",
            where=f"conversion {task}",
            fix=f"uv tool install --python 3.12 {program} (it needs an environment of its own)",
        )
    missing = [package for package in NEEDS.get(task, ()) if find_spec(package) is None]
    if missing:
        raise MissingPartError(
            f"{', '.join(missing)} not installed", where=f"conversion {task}", fix="pip install 'edgeferry[converters]'"
        )


def _startable(waiting: Sequence[Job], running: Sequence[Job]) -> Iterator[Job]:
    """Those whose input is there and that fit beside the others; one always fits."""
    unwritten = {job.out for job in (*waiting, *running)}
    started, taken_mib = len(running), sum(map(_memory_mib, running))
    for job in waiting:
        if unwritten & {job.model, job.quantised}:
            continue
        fits = started < _at_once() and taken_mib + _memory_mib(job) <= _budget_mib(running)
        if started == 0 or fits:
            started, taken_mib = started + 1, taken_mib + _memory_mib(job)
            yield job


def _memory_mib(job: Job) -> float:
    """The most a job is thought to take."""
    path = Path(job.model)
    files = [path] if path.is_file() else path.rglob("*")
    return BASE_MIB + COPIES * sum(file.stat().st_size for file in files if file.is_file()) / 1024**2


def _budget_mib(running: Sequence[Job]) -> float:
    """For all jobs together: what is free now, and what the running ones are allowed already."""
    free_kib = next(
        int(line.split()[1]) for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemAvail")
    )
    return SHARE_OF_MEMORY * free_kib / 1024 + sum(map(_memory_mib, running))


def _at_once() -> int:
    return min(len(os.sched_getaffinity(0)), MOST_AT_ONCE)


def _imports_tensorflow(job: Job) -> bool:
    needs = NEEDS.get(job.task, ())
    return "tensorflow" in needs or (job.task == "answers" and job.source_kind in ("keras", "saved-model"))


def _write(job: Job, folder: Path) -> Path:
    """The job's own file, with nothing beside it that an earlier one of its name left."""
    job_path = folder / f"{job.name}.json"
    failure_path(job_path).unlink(missing_ok=True)
    peak_path(job_path).unlink(missing_ok=True)
    job_path.write_bytes(to_json(job))
    return job_path


def _environment(folder: Path) -> dict[str, str]:
    """What a process of ours sees; TensorFlow leaves temporary files when it is killed, so they go where jobs' go."""
    return {**os.environ, **QUIET, "TMPDIR": str(folder.resolve())}


def _start(job_path: Path) -> subprocess.Popen[bytes]:
    with job_path.with_suffix(".log").open("wb") as log:
        command = [sys.executable, "-m", "converters.worker", str(job_path)]
        environment = _environment(job_path.parent)
        # The pipe is never written to: its end tells the worker that this process is gone, whatever ended it.
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, env=environment)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Gather what is left of a process that ended or was told to."""
    process.wait()
    assert process.stdin is not None
    process.stdin.close()


def _failure(job: Job, code: int, folder: Path) -> FerryError:
    job_path = folder / f"{job.name}.json"
    left = failure_path(job_path)
    if left.is_file():
        failure = from_json(left.read_bytes(), Failure, where=str(left), error=ModelError)
        kind: type[FerryError] = getattr(errors, failure.error)
        return kind(failure.what, where=failure.where, fix=failure.fix)
    logs = (job_path.with_suffix(".log"), folder / "warm.log")
    log = next((path.read_text(errors="replace") for path in logs if path.is_file()), "")
    return ModelError(
        f"the step {job.name} {describe_end(code, log)}",
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
