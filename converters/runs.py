"""A run folder, read and checked before a minute of conversion is spent on it.

What the files are called and hold stands in `contract/run.py`; the trainer writes them. `model.keras` itself is only
opened where TensorFlow is (`converters.keras_model`).
"""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from msgspec import UNSET
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from contract import run as files
from contract.codec import from_json, from_toml
from contract.errors import ConfigError, ModelError
from contract.manifest import Preprocessing, Task
from contract.run import Dataset, DetectionMetrics, Metrics, Settings
from converters.source import UNKNOWN, Pictures
from edge.marked import unpacked

TASKS: tuple[Task, ...] = ("classify", "detect")
"""What a run may have learnt."""
NEEDED = (
    files.MODEL,
    files.METRICS,
    files.DATASET,
    files.CALIBRATION,
    files.GOLDEN,
    files.CARD,
    files.SETTINGS,
)

KERAS_MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}
"""What Keras 3 puts into the archive a `.keras` file is."""


@dataclass(frozen=True, slots=True)
class Run:
    """Everything a conversion takes from the trainer."""

    model: Path
    settings: Settings
    dataset: Dataset
    metrics: Metrics | DetectionMetrics
    calibration: Pictures
    """From the training split."""
    golden: Pictures
    """From the test split: never seen while training."""
    card: bytes
    trained_int8: Path | None
    """The int8 file that was trained with the rounding in view, where there is one."""


def read_run(folder: Path) -> Run:
    """The finished run in `folder`.

    Raises ConfigError where there is none or its training did not finish, ModelError where a file of it is broken.
    """
    _check_finished(folder)
    settings = from_toml(_read(folder, files.SETTINGS), Settings, where=str(folder / files.SETTINGS), error=ModelError)
    if settings.task not in TASKS:
        known = ", ".join(TASKS)
        raise ConfigError(
            f"a {settings.task!r} model cannot be converted", where=str(folder), fix=f"There is: {known}."
        )
    if settings.task == "detect" and settings.decoding is UNSET:
        raise ModelError(
            "it does not say what the model's outputs mean", where=str(folder / files.SETTINGS), fix="Train again."
        )
    dataset = from_json(_read(folder, files.DATASET), Dataset, where=str(folder / files.DATASET), error=ModelError)
    kind: type[Metrics | DetectionMetrics] = DetectionMetrics if settings.task == "detect" else Metrics
    metrics = from_json(_read(folder, files.METRICS), kind, where=str(folder / files.METRICS), error=ModelError)
    trained_int8 = folder / files.QUANTIZATION_AWARE_FILE
    return Run(
        model=folder / files.MODEL,
        settings=settings,
        dataset=dataset,
        metrics=metrics,
        calibration=_pictures(folder / files.CALIBRATION, settings, len(dataset.labels)),
        golden=_pictures(folder / files.GOLDEN, settings, len(dataset.labels)),
        card=_read(folder, files.CARD),
        trained_int8=trained_int8 if trained_int8.is_file() else None,
    )


def frame_shape(preprocessing: Preprocessing) -> tuple[int, int, int]:
    """(height, width, channels) of one fitted picture."""
    width, height = preprocessing.size_wh
    return height, width, 1 if preprocessing.colour == "grey" else 3


def _check_finished(folder: Path) -> None:
    if not folder.is_dir():
        raise ConfigError(
            "not a run folder", where=str(folder), fix="Give the folder that `edgeferry train … --out RUN` left."
        )
    if not (folder / files.COMPLETE).is_file():
        raise ConfigError(
            f"no {files.COMPLETE} in it: not a run, or its training did not finish",
            where=str(folder),
            fix="Train again: edgeferry train PATH --task classify --out RUN",
        )
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing:
        raise ConfigError(f"the run lacks {', '.join(missing)}", where=str(folder), fix="Train again.")
    _check_keras_file(folder / files.MODEL)


def _check_keras_file(path: Path) -> None:
    """As far as can be told without TensorFlow, which takes ten seconds to say the same."""
    try:
        with zipfile.ZipFile(path) as archive:
            whole = set(archive.namelist()) >= KERAS_MEMBERS
    except (OSError, zipfile.BadZipFile) as problem:
        raise _broken(path, "not a .keras file, or a damaged one") from problem
    if not whole:
        raise _broken(path, "an archive, and not a .keras file")


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as problem:
        raise ConfigError(
            f"cannot be read: {problem.strerror}", where=str(folder / name), fix="Check its permissions."
        ) from problem


def _pictures(path: Path, settings: Settings, classes: int) -> Pictures:
    data = _read(path.parent, path.name)
    read = _boxed if settings.task == "detect" else _classed
    try:
        # Not np.load, which takes other files as well: a lone array, a pickle.
        with NpzFile(io.BytesIO(data), allow_pickle=False) as stored:
            pictures = read(stored)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as problem:
        raise _broken(path, f"not pictures and their truth as a training leaves them: {problem}") from problem
    frames, labels = pictures.frames, pictures.labels
    expected = frame_shape(settings.preprocessing)
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[1:] != expected:
        raise _broken(path, f"frames are {frames.dtype} {frames.shape}, expected uint8 (N, *{expected})")
    named = np.concatenate([one.labels for one in pictures.marked]) if pictures.marked else labels
    if labels.shape != frames.shape[:1] or len(labels) == 0 or len(named) == 0 or not _within(named, classes):
        raise _broken(path, f"labels do not fit: {labels.shape} for {len(frames)} pictures of {classes} classes")
    return pictures


def _within(labels: NDArray[np.int64], classes: int) -> bool:
    return bool(0 <= labels.min() <= labels.max() < classes)


def _classed(stored: NpzFile) -> Pictures:
    return Pictures(stored["frames"], stored["labels"].astype(np.int64))


def _boxed(stored: NpzFile) -> Pictures:
    frames = stored["frames"]
    return Pictures(frames, np.full(len(frames), UNKNOWN, np.int64), unpacked(stored, len(frames)))


def _broken(path: Path, what: str) -> ModelError:
    return ModelError(what, where=str(path), fix="Train again.")
