"""A run is looked at before TensorFlow is started: what is wrong with it is said in a moment."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from contract import run as files
from contract.errors import ConfigError, FerryError, ModelError
from converters.runs import read_run


@pytest.fixture
def copied(digits_run: Path, tmp_path: Path) -> Path:
    """A run that may be spoilt."""
    return shutil.copytree(digits_run, tmp_path / "run")


def test_a_finished_run_is_read_whole(digits_run: Path) -> None:
    run = read_run(digits_run)
    assert run.dataset.labels == tuple("0123456789")
    assert run.calibration.frames.dtype == np.uint8
    assert set(run.golden.labels) == set(range(10))
    assert run.metrics.test.pictures >= len(run.golden.labels)


def test_the_digest_of_pictures_is_that_of_their_content(digits_run: Path, copied: Path) -> None:
    with np.load(copied / files.CALIBRATION) as stored:
        frames, labels = stored["frames"], stored["labels"]
    np.savez_compressed(copied / files.CALIBRATION, labels=labels, frames=frames)
    assert read_run(copied).calibration.digest == read_run(digits_run).calibration.digest
    frames[0, 0, 0, 0] ^= 1
    np.savez(copied / files.CALIBRATION, labels=labels, frames=frames)
    assert read_run(copied).calibration.digest != read_run(digits_run).calibration.digest


@pytest.mark.parametrize("name", ["absent", "file", "empty"])
def test_what_is_no_run_folder_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="not a run"):
        read_run(tmp_path / name)


def test_a_training_that_did_not_finish_is_refused(copied: Path) -> None:
    (copied / files.COMPLETE).unlink()
    with pytest.raises(ConfigError, match="did not finish"):
        read_run(copied)


def test_missing_files_are_named(copied: Path) -> None:
    (copied / files.GOLDEN).unlink()
    (copied / files.CARD).unlink()
    with pytest.raises(ConfigError, match=r"lacks golden\.npz, card\.md"):
        read_run(copied)


@pytest.mark.parametrize(
    "name", [files.MODEL, files.METRICS, files.DATASET, files.CALIBRATION, files.GOLDEN, files.SETTINGS]
)
def test_garbage_in_a_file_is_refused_by_its_name(copied: Path, name: str) -> None:
    (copied / name).write_bytes(b"\x00garbage")
    with pytest.raises(ModelError) as refused:
        read_run(copied)
    assert refused.value.where == str(copied / name)


def test_another_archive_in_place_of_the_model_is_refused(copied: Path) -> None:
    with zipfile.ZipFile(copied / files.MODEL, "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(ModelError, match=r"not a \.keras file"):
        read_run(copied)


@pytest.mark.parametrize("name", [files.CALIBRATION, files.GOLDEN])
def test_arrays_cut_short_are_refused(copied: Path, name: str) -> None:
    whole = (copied / name).read_bytes()
    (copied / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError):
        read_run(copied)


@pytest.mark.parametrize(
    ("frames", "labels", "expected"),
    [
        (np.zeros((4, 8, 8, 1), np.uint8), np.zeros(4, int), "expected uint8"),
        (np.zeros((4, 32, 32, 1), np.float32), np.zeros(4, int), "expected uint8"),
        (np.zeros((4, 32, 32, 1), np.uint8), np.zeros(3, int), "labels do not fit"),
        (np.zeros((4, 32, 32, 1), np.uint8), np.full(4, 10), "labels do not fit"),
        (np.zeros((0, 32, 32, 1), np.uint8), np.zeros(0, int), "labels do not fit"),
    ],
)
def test_pictures_that_do_not_fit_the_model_are_refused(
    copied: Path, frames: np.ndarray, labels: np.ndarray, expected: str
) -> None:
    np.savez(copied / files.GOLDEN, frames=frames, labels=labels)
    with pytest.raises(ModelError, match=expected):
        read_run(copied)


def test_a_task_there_is_no_conversion_for_is_refused(copied: Path) -> None:
    settings = (copied / files.SETTINGS).read_text()
    (copied / files.SETTINGS).write_text(settings.replace('"classify"', '"anomaly"', 1))
    with pytest.raises(FerryError, match="'anomaly' model cannot be converted") as refused:
        read_run(copied)
    assert "classify" in refused.value.fix
