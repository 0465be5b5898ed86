"""Calibration pictures of a person's own."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from contract.errors import ConfigError, DataError
from contract.manifest import Preprocessing
from converters.calibration import calibration_from_folder, spread

SMALL = Preprocessing(size_wh=(32, 24))


def test_pictures_are_found_in_folders_below_and_fitted(shared_data: Path) -> None:
    pictures = calibration_from_folder(shared_data / "clothing/validation", SMALL)
    assert pictures.frames.shape == (45, 24, 32, 3)
    assert pictures.frames.dtype == np.uint8
    # Each is a copy: a fitted picture may live in a buffer that the next one overwrites.
    assert len({frame.tobytes() for frame in pictures.frames}) == 45


def test_a_damaged_picture_is_refused_by_name(shared_data: Path, tmp_path: Path) -> None:
    shutil.copy(shared_data / "corrupt/images/truncated_jpeg.jpg", tmp_path)
    with pytest.raises(DataError) as refused:
        calibration_from_folder(tmp_path, SMALL)
    assert "truncated_jpeg.jpg" in refused.value.where


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(DataError, match="no pictures"):
        calibration_from_folder(tmp_path, SMALL)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no folder there"):
        calibration_from_folder(tmp_path / "absent", SMALL)


@given(some.integers(1, 2000), some.integers(1, 300))
def test_a_choice_is_even_and_never_too_large(count: int, limit: int) -> None:
    chosen = spread(count, limit)
    assert len(chosen) == len(set(chosen)) == min(count, limit)
    assert 0 <= chosen[0] <= chosen[-1] < count
    gaps = np.diff(chosen)
    assert len(gaps) == 0 or gaps.max() - gaps.min() <= 1
