from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from contract.manifest import Preprocessing
from edge.antialias import Antialias
from edge.fitter import Fitter
from edge.pictures import read_picture

RNG = np.random.default_rng(0)


def resized(pixels: np.ndarray, to_wh: tuple[int, int]) -> np.ndarray:
    out = np.empty((to_wh[1], to_wh[0], 3), np.uint8)
    Antialias((pixels.shape[1], pixels.shape[0]), to_wh)(pixels, out)
    return out


def test_pixels_are_pillows_to_the_byte(shared_data: Path) -> None:
    expected = json.loads((shared_data / "expected.json").read_text())
    bytes_as_they_are = [row for row in expected["classify"] if row["input"] == "u8"] + expected["detect"]
    compared = 0
    for row in bytes_as_they_are:
        shape = expected["models_tflite"][row["model"]]["inputs"][0]["shape"]
        if len(shape) != 4 or row["image"].endswith(".rgb"):
            continue
        prep = Preprocessing(size_wh=(shape[2], shape[1]), interpolation="antialias")
        fitted = Fitter(prep).fit(read_picture(shared_data / row["image"]))
        assert hashlib.sha256(fitted.tobytes()).hexdigest() == row["input_sha256"], row["image"]
        compared += 1
    assert compared >= 40


@pytest.mark.parametrize(
    ("from_wh", "to_wh"),
    [
        ((9, 7), (4, 5)),
        ((4, 5), (9, 7)),
        ((300, 20), (7, 6)),
        ((20, 300), (19, 6)),
        ((1, 1), (3, 2)),
        ((70, 70), (1, 1)),
    ],
)
def test_it_is_the_triangles_mean_rounded_twice(from_wh: tuple[int, int], to_wh: tuple[int, int]) -> None:
    pixels = RNG.integers(0, 256, (from_wh[1], from_wh[0], 3), np.uint8)
    exact = np.einsum("Yy,yxc,Xx->YXc", triangles(from_wh[1], to_wh[1]), pixels, triangles(from_wh[0], to_wh[0]))
    assert np.abs(resized(pixels, to_wh) - exact).max() <= 1.01


def triangles(length: int, made: int) -> np.ndarray:
    scale = length / made
    reach = max(scale, 1.0)
    heights = [[max(1 - abs(i + 0.5 - (j + 0.5) * scale) / reach, 0) for i in range(length)] for j in range(made)]
    return np.array(heights) / np.sum(heights, axis=1, keepdims=True)


def test_white_stays_white_and_black_stays_black() -> None:
    for level in (0, 1, 254, 255):
        assert (resized(np.full((333, 517, 3), level, np.uint8), (224, 96)) == level).all()


@pytest.mark.parametrize("resize", ["letterbox", "crop"])
def test_it_fills_the_part_of_the_picture_the_placement_says(resize: str) -> None:
    prep = Preprocessing(size_wh=(40, 40), resize=resize, interpolation="antialias", pad_value=9)  # type: ignore[arg-type]
    fitter = Fitter(prep)
    frame = np.full((50, 100, 3), 200, np.uint8)
    expected = np.full((40, 40, 3), 200, np.uint8)
    if resize == "letterbox":
        expected[:10] = expected[30:] = 9
    assert (fitter.fit(frame) == expected).all()
    fitter.fit(np.zeros((30, 30, 3), np.uint8))
    assert (fitter.fit(frame) == expected).all()
