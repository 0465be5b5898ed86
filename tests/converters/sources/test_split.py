"""A folder becomes calibration and golden pictures: none in both, none twice, the same on every machine."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from contract.errors import ConfigError, DataError
from contract.manifest import Preprocessing, Quantization, TensorSpec
from converters.source import UNKNOWN
from converters.sources.split import GOLDEN_LIMIT, LIMIT, class_names, distinct, numbers_from, pictures_from, split

SMALL = Preprocessing(size_wh=(32, 24))
INT8 = TensorSpec(name="x", shape=(1, 2), dtype="int8", quantization=Quantization(scale=0.5, zero_point=-128))


def painted(folder: Path, name: str, seed: int, size: int = 64) -> None:
    shades = np.random.default_rng(seed).integers(60, 200, (8, 8, 3), np.uint8)
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.resize(shades, (size, size)))


def bytes_of(frames: np.ndarray) -> set[bytes]:
    return {frame.tobytes() for frame in frames}


def test_no_picture_is_in_both_and_none_is_lost(tmp_path: Path) -> None:
    for seed in range(11):
        painted(tmp_path, f"{seed}.png", seed)
    found = pictures_from(tmp_path, SMALL, (), quantised=False)
    assert (len(found.golden.frames), len(found.calibration.frames)) == (6, 5)
    assert not bytes_of(found.golden.frames) & bytes_of(found.calibration.frames)
    assert len(bytes_of(found.golden.frames) | bytes_of(found.calibration.frames)) == 11
    assert found.golden.frames.shape[1:] == (24, 32, 3)


def test_names_and_folders_do_not_decide(tmp_path: Path) -> None:
    for seed in range(9):
        painted(tmp_path / "one", f"{seed}.png", seed)
        painted(tmp_path / "two", f"day/{9 - seed}.png", seed)
    one, two = (pictures_from(tmp_path / name, SMALL, (), quantised=False) for name in ("one", "two"))
    assert bytes_of(one.golden.frames) == bytes_of(two.golden.frames)
    assert bytes_of(one.calibration.frames) == bytes_of(two.calibration.frames)


def test_copies_are_left_out_and_said(tmp_path: Path) -> None:
    for seed in range(3):
        painted(tmp_path, f"{seed}.png", seed)
    shutil.copy(tmp_path / "0.png", tmp_path / "again.png")
    painted(tmp_path, "larger.png", 1, size=128)
    cv2.imwrite(str(tmp_path / "saved.jpg"), cv2.imread(str(tmp_path / "2.png")), [cv2.IMWRITE_JPEG_QUALITY, 95])
    found = pictures_from(tmp_path, SMALL, (), quantised=True)
    assert len(found.golden.frames) == 3
    assert found.notes == ("pictures: 3 of 6 look like another and were left out",)


def test_photographs_are_told_apart_and_their_copies_not(shared_data: Path) -> None:
    found = pictures_from(shared_data / "images", SMALL, (), quantised=True)
    # Four of the hopper pictures and the smaller cat are copies.
    assert len(found.golden.frames) == 19 - 4
    assert len(pictures_from(shared_data / "bccd", SMALL, (), quantised=False).golden.frames) >= 150


def test_a_quantised_model_gets_golden_pictures_alone(tmp_path: Path) -> None:
    painted(tmp_path, "only.png", 1)
    found = pictures_from(tmp_path, SMALL, (), quantised=True)
    assert len(found.golden.frames) == 1
    assert found.calibration.frames.shape == (0, 24, 32, 3)


def test_one_picture_is_not_enough_to_calibrate_and_compare(tmp_path: Path) -> None:
    painted(tmp_path, "only.png", 1)
    with pytest.raises(DataError, match="at least two are needed"):
        pictures_from(tmp_path, SMALL, (), quantised=False)


def test_folders_called_like_labels_tell_the_class(tmp_path: Path) -> None:
    labels = ("hot dog", "tench, Tinca tinca", "crane", "crane")
    for seed, folder in enumerate(("Hot_Dog", "tench", "tinca-tinca/2024", "crane", "other", ".")):
        painted(tmp_path, f"{folder}/{seed}.png", seed)
    found = pictures_from(tmp_path, SMALL, labels, quantised=True).golden
    assert sorted(found.labels.tolist()) == [UNKNOWN, UNKNOWN, UNKNOWN, 0, 1, 1]
    assert not found.labelled


def test_every_class_is_on_both_sides(tmp_path: Path) -> None:
    for seed in range(12):
        painted(tmp_path, f"{'abc'[seed % 3]}/{seed}.png", seed)
    found = pictures_from(tmp_path, SMALL, ("a", "b", "c"), quantised=False)
    assert np.bincount(found.golden.labels).tolist() == [2, 2, 2]
    assert np.bincount(found.calibration.labels).tolist() == [2, 2, 2]
    assert found.golden.labelled


def test_a_name_two_classes_share_is_nobodys() -> None:
    assert class_names(("crane, bird", "crane, machine")) == {
        "crane, bird": 0,
        "bird": 0,
        "crane, machine": 1,
        "machine": 1,
    }


@settings(max_examples=60, deadline=None)
@given(some.integers(2, 900), some.integers(1, 5), some.booleans())
def test_neither_set_is_ever_too_large(count: int, classes: int, quantised: bool) -> None:
    frames = np.arange(count, dtype=np.float64)[:, None]
    labels = np.arange(count) % classes - 1
    found = split(frames, labels, quantised=quantised, where="here")
    assert len(found.golden.frames) <= GOLDEN_LIMIT
    assert len(found.calibration.frames) <= LIMIT
    assert quantised == (len(found.calibration.frames) == 0)
    assert not bytes_of(found.golden.frames) & bytes_of(found.calibration.frames)
    assert abs(len(found.golden.frames) - len(found.calibration.frames)) <= classes or quantised


def test_rows_of_numbers_are_told_apart_exactly() -> None:
    assert distinct(np.array([[1.0], [2.0], [1.0], [1.0000001]])) == [0, 1, 3]


def test_rows_come_as_real_values_whatever_is_in_the_file(tmp_path: Path) -> None:
    np.save(tmp_path / "stored.npy", np.array([[-128, -126], [0, 127]], np.int8))
    (tmp_path / "real.csv").write_text("0,1\n64,127.5\n")
    stored, real = (
        numbers_from(str(tmp_path / name), (INT8,), quantised=True).golden.frames for name in ("stored.npy", "real.csv")
    )
    assert stored.dtype == np.float64
    assert bytes_of(stored) == bytes_of(real)


@pytest.mark.parametrize(
    ("text", "words"),
    [("1,2,3\n", "3 numbers, and the model takes 2"), ("1,nan\n", "finite"), ("a,b\nc,1", "no number")],
)
def test_rows_that_do_not_fit_are_refused(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(text)
    with pytest.raises(DataError) as refused:
        numbers_from(str(tmp_path / "rows.csv"), (INT8,), quantised=True)
    assert words in refused.value.what


def test_what_holds_no_picture_or_a_damaged_one_is_refused(shared_data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no folder there"):
        pictures_from(tmp_path / "absent", SMALL, (), quantised=True)
    with pytest.raises(DataError, match="no pictures in it"):
        pictures_from(tmp_path, SMALL, (), quantised=True)
    shutil.copy(shared_data / "corrupt/images/truncated_jpeg.jpg", tmp_path)
    with pytest.raises(DataError) as refused:
        pictures_from(tmp_path, SMALL, (), quantised=True)
    assert "truncated_jpeg.jpg" in refused.value.where
