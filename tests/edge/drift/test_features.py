"""What is read off a picture: known answers, and no answer that is not a number."""

from __future__ import annotations

import numpy as np
import pytest

from edge.drift.features import RANGES, TERMS, Measurer
from edge.drift.power import blur, brightness, noise
from edge.opencv import cv2


def random_picture(height: int = 96, width: int = 96, channels: int = 3) -> np.ndarray:
    """Smooth enough to be blurred and contrasty enough to be darkened."""
    rough = np.random.default_rng(3).integers(0, 256, (height // 4 + 1, width // 4 + 1, channels), np.uint8)
    return cv2.resize(rough, (width, height)).reshape(height, width, channels)


def measured(picture: np.ndarray) -> dict[str, float]:
    """The numbers, by name."""
    seen = Measurer(picture.shape).measure(picture)
    return {name: getattr(seen, name) for name in RANGES}


def test_brightness_and_contrast_are_mean_and_deviation_of_all_pixels() -> None:
    picture = random_picture()
    seen = measured(picture)
    assert seen["brightness"] == pytest.approx(picture.mean())
    assert seen["contrast"] == pytest.approx(picture.std())


@pytest.mark.parametrize("sigma", [3.0, 10.0, 20.0])
def test_the_noise_of_a_ramp_is_the_noise_put_on_it(sigma: float) -> None:
    ramp = np.repeat(np.linspace(80, 170, 96).astype(np.uint8)[None, :, None], 96, axis=0)
    noisy = noise(sigma)(ramp, np.random.default_rng(0))
    assert measured(noisy)["noise"] == pytest.approx(sigma, rel=0.05)


def test_blur_takes_sharpness_and_darkness_leaves_it() -> None:
    picture, draws = random_picture(), np.random.default_rng(0)
    sharp = measured(picture)["sharpness"]
    assert measured(blur(1.0)(picture, draws))["sharpness"] < 0.7 * sharp
    assert measured(brightness(0.6)(picture, draws))["sharpness"] == pytest.approx(sharp, rel=0.1)


def test_rgb_and_bgr_of_one_picture_measure_the_same() -> None:
    picture = random_picture()
    assert measured(picture) == pytest.approx(measured(np.ascontiguousarray(picture[:, :, ::-1])))


def test_the_layout_tells_left_from_right_and_ignores_even_light() -> None:
    even = np.full((32, 32, 3), 90, np.uint8)
    lit = even.copy()
    lit[:, :16] = 200
    assert Measurer(even.shape).measure(even).layout == pytest.approx(np.zeros(len(TERMS)), abs=1e-3)
    left, right = (Measurer(lit.shape).measure(np.ascontiguousarray(one)).layout for one in (lit, lit[:, ::-1]))
    assert left[0] == pytest.approx(-right[0], abs=1e-2)
    assert abs(left[0]) > 100


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 7, 3), (2, 2, 3), (3, 3, 1), (5, 3, 3), (300, 20, 1)])
def test_pictures_of_any_size_give_numbers_within_their_ranges(shape: tuple[int, int, int]) -> None:
    draws = np.random.default_rng(1)
    random = draws.integers(0, 256, shape, np.uint8)
    checkers = (np.indices(shape[:2]).sum(axis=0) % 2 * 255).astype(np.uint8)[:, :, None].repeat(shape[2], axis=2)
    for picture in (random, checkers, np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8)):
        for name, value in measured(picture).items():
            lowest, highest = RANGES[name]
            assert lowest <= value <= highest + 1e-9, name
