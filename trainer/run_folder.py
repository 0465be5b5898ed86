"""The run folder: built under another name beside its place, put there whole, and read back.

`metrics.json` is written last and the folder is renamed after that, so neither a crash nor Ctrl-C leaves anything that
looks like a run. What the files are called stands in `contract/run.py`.
"""

from __future__ import annotations

import fcntl
import glob
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from contract.codec import from_json
from contract.errors import ConfigError, ModelError
from contract.run import COMPLETE, DATASET, METRICS, MODEL, SETTINGS, Dataset, DetectionMetrics, Metrics
from trainer.settings import Resolved, parse_resolved

_PARTIAL = ".partial-"
"""Between the name of a run and the number of the process that builds it."""


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run."""

    path: Path
    settings: Resolved
    dataset: Dataset
    measured: Metrics | DetectionMetrics
    """The latter where the task is `detect`."""

    @property
    def metrics(self) -> Metrics:
        """Of a classifier; ModelError for another task's run."""
        if isinstance(self.measured, Metrics):
            return self.measured
        raise ModelError(
            f"its task is {self.settings.task!r}", where=str(self.path), fix="Name the run of a classifier."
        )

    @property
    def model(self) -> Path:
        """The Keras file."""
        return self.path / MODEL


def open_run(path: Path) -> Run:
    """The run in `path`; ModelError where there is none, or one that did not finish."""
    if not (path / COMPLETE).is_file():
        unfinished = path.is_dir() and (path / SETTINGS).is_file()
        raise ModelError(
            "this training did not finish" if unfinished else "this is not a run folder",
            where=str(path),
            fix="Train again: edgeferry train PATH --out RUN",
        )
    try:
        settings = (path / SETTINGS).read_bytes()
        dataset, metrics = (path / DATASET).read_bytes(), (path / METRICS).read_bytes()
    except OSError as problem:
        raise ModelError(
            f"the run is not whole: {problem.strerror}", where=str(problem.filename), fix="Train again."
        ) from problem
    resolved = parse_resolved(settings, where=str(path / SETTINGS))
    kind: type[Metrics] | type[DetectionMetrics] = DetectionMetrics if resolved.task == "detect" else Metrics
    return Run(
        path=path,
        settings=resolved,
        dataset=from_json(dataset, Dataset, where=str(path / DATASET), error=ModelError),
        measured=from_json(metrics, kind, where=str(path / METRICS), error=ModelError),
    )


def check_place(out: Path, *, force: bool) -> None:
    """ConfigError unless a run may be written to `out`: nothing there, or an old run and `force`.

    Asked before training, and a folder that is no run is never taken away.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not (out / COMPLETE).is_file():
        raise ConfigError("there is something else already", where=str(out), fix="Choose another --out.")
    if not force:
        raise ConfigError("there is a run already", where=str(out), fix="Choose another --out, or replace it: --force")


@contextmanager
def building(out: Path, *, force: bool) -> Iterator[Path]:
    """A new folder beside `out` to fill; renamed to `out` when the block ends well, removed when it does not."""
    check_place(out, force=force)
    out = out.absolute()
    _clear(out)
    partial = out.with_name(f"{out.name}{_PARTIAL}{os.getpid()}")
    made = [parent for parent in partial.parents if not parent.exists()]
    with writing(out):
        partial.mkdir(parents=True)
        held = os.open(partial, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    try:
        yield partial
        check_place(out, force=force)
        with writing(out):
            _put(partial, out)
    finally:
        os.close(held)
        shutil.rmtree(partial, ignore_errors=True)
        with suppress(OSError):  # not empty: the run is in it
            for folder in made:
                folder.rmdir()


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """Around whatever writes the run `out`: a full or read-only disk becomes a sentence."""
    try:
        yield
    except OSError as problem:
        raise ConfigError(
            f"the run cannot be written: {problem.strerror or problem}",
            where=str(out),
            fix="Make room, or choose another --out.",
        ) from problem


def write_files(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Each into `folder`, in their order; ConfigError where the disk does not take them."""
    with writing(folder):
        for name, content in contents.items():
            (folder / name).write_bytes(content)


def _clear(out: Path) -> None:
    """Take away what a killed training to `out` left; ConfigError where one is going on.

    Who builds a folder holds a lock on it, which ends with the process. A new folder is not locked for a moment, so
    that its process must be gone as well.
    """
    for partial in out.parent.glob(f"{glob.escape(out.name)}{_PARTIAL}*"):
        with suppress(FileNotFoundError):  # it ended just now
            if _is_held(partial):
                raise ConfigError(
                    "another training is writing this run", where=str(partial), fix="Wait for it, or use another --out."
                )
            if not _is_running(partial.name.rpartition("-")[2]):
                shutil.rmtree(partial, ignore_errors=True)


def _is_held(folder: Path) -> bool:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _is_running(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (ValueError, PermissionError):
        return True
    return True


def _put(partial: Path, out: Path) -> None:
    """Rename `partial` to `out`; an old run stays whole until the new one is ready to take its place."""
    for file in partial.iterdir():
        flush(file)
    flush(partial)
    old = out.with_name(f"{out.name}.old-{os.getpid()}")
    if out.exists():
        out.rename(old)
    partial.rename(out)
    flush(out.parent)
    shutil.rmtree(old, ignore_errors=True)


def flush(path: Path) -> None:
    """Onto the disk: a rename must not arrive before what it renames."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
