"""Pictures made worse: the same way every time, more with every severity, and whatever their size."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from contract.errors import ConfigError
from edge.opencv import cv2
from trainer.measurement.corruptions import KINDS, SEVERITIES, corrupt


def frames(width: int, height: int, channels: int, count: int = 6) -> np.ndarray:
    """Smooth shapes and a little texture: something every corruption can spoil."""
    draws = np.random.default_rng(width + height + channels)
    made = np.empty((count, height, width, channels), np.uint8)
    for number in range(count):
        coarse = draws.integers(20, 230, (5, 5, channels), dtype=np.uint8)
        picture = cv2.resize(coarse, (width, height), None, 0, 0, cv2.INTER_CUBIC)
        fine = draws.normal(0.0, 3.0, (height, width, channels))
        made[number] = np.clip(picture.reshape(height, width, channels) + fine, 0, 255).astype(np.uint8)
    return made


@pytest.mark.parametrize(("width", "height", "channels"), [(24, 24, 1), (33, 25, 3), (96, 64, 3)])
@pytest.mark.parametrize("kind", KINDS)
def test_every_severity_is_worse_than_the_one_before(kind: str, width: int, height: int, channels: int) -> None:
    clean = frames(width, height, channels)
    kept = clean.copy()
    distances = []
    for severity in SEVERITIES:
        made = corrupt(clean, kind, severity, seed=3)
        assert made.shape == clean.shape
        assert made.dtype == np.uint8
        distances.append(float(np.abs(made.astype(np.int16) - clean).mean()))
    assert distances[0] > 0.5
    assert all(later > earlier for earlier, later in pairwise(distances)), distances
    assert np.array_equal(clean, kept)


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_is_spoilt_the_same_way_alone_and_among_others(kind: str) -> None:
    clean = frames(32, 32, 3, count=4)
    assert np.array_equal(corrupt(clean, kind, 3, seed=1), corrupt(clean, kind, 3, seed=1))
    assert np.array_equal(corrupt(clean[:2], kind, 3, seed=1), corrupt(clean, kind, 3, seed=1)[:2])


def test_another_seed_draws_other_noise() -> None:
    clean = frames(32, 32, 1, count=2)
    assert not np.array_equal(corrupt(clean, "gaussian_noise", 2, seed=1), corrupt(clean, "gaussian_noise", 2, seed=2))


def test_noise_has_the_spread_it_is_said_to_have() -> None:
    grey = np.full((4, 64, 64, 1), 128, np.uint8)
    noise = corrupt(grey, "gaussian_noise", 2, seed=0).astype(np.float64) - 128
    assert noise.std() == pytest.approx(0.08 * 255, rel=0.05)
    struck = corrupt(grey, "impulse_noise", 3, seed=0)
    assert np.isin(struck, (0, 255)).mean() == pytest.approx(0.08, abs=0.01)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: corrupt(frames(32, 32, 3), "rain", 1, 0), "no corruption 'rain'"),
        (lambda: corrupt(frames(32, 32, 3), "fog", 6, 0), "severity 6"),
        (lambda: corrupt(frames(32, 20, 3), "fog", 1, 0), "too small"),
        (lambda: corrupt(frames(32, 32, 3).astype(np.float32), "fog", 1, 0), "float32"),
    ],
)
def test_what_cannot_be_made_worse_is_refused_in_a_sentence(made: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        made()  # type: ignore[operator]
