"""Random changes: repeatable, inside the range, and each doing what its setting says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.trainer.tensorflow_marks import WITH_TENSORFLOW
from trainer.settings import FOR_DIGITS, FOR_PHOTOGRAPHS, Augmentation

pytestmark = WITH_TENSORFLOW
SIDE = 9


def pictures(count: int = 8) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(0).integers(0, 256, (count, SIDE, SIDE, 3)).astype(np.float32)


def augmented(pixels: np.ndarray, how: Augmentation, seed: tuple[int, int] = (1, 2)) -> np.ndarray:
    import tensorflow as tf

    from trainer.learning.augmentation import augment

    return np.asarray(augment(tf.constant(pixels), tf.constant(seed), how))


def test_no_augmentation_changes_nothing() -> None:
    assert np.array_equal(augmented(pictures(), Augmentation()), pictures())


@pytest.mark.parametrize("how", [FOR_DIGITS, FOR_PHOTOGRAPHS])
def test_a_seed_decides_and_the_range_is_kept(how: Augmentation) -> None:
    once, again, other = (augmented(pictures(), how, seed) for seed in ((1, 2), (1, 2), (1, 3)))
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)
    assert once.shape == pictures().shape
    assert once.min() >= 0.0
    assert once.max() <= 255.0
    assert not np.array_equal(once, pictures())


def test_a_flip_gives_the_picture_or_its_mirror_image() -> None:
    before = pictures(32)
    after = augmented(before, Augmentation(flip=True))
    kept = [np.allclose(a, b, atol=1e-2) for a, b in zip(after, before, strict=True)]
    mirrored = [np.allclose(a, b[:, ::-1], atol=1e-2) for a, b in zip(after, before, strict=True)]
    assert all(one != other for one, other in zip(kept, mirrored, strict=True))
    assert 4 < sum(mirrored) < 28


def test_the_middle_stays_in_the_middle_when_a_picture_is_turned() -> None:
    dot = np.zeros((8, SIDE, SIDE, 1), np.float32)
    dot[:, SIDE // 2, SIDE // 2] = 255.0
    turned = augmented(dot, Augmentation(rotation_degrees=180.0))
    assert turned[:, SIDE // 2, SIDE // 2, 0] == pytest.approx(np.full(8, 255.0), abs=1.0)


def test_a_crop_only_enlarges() -> None:
    ring = np.zeros((16, SIDE, SIDE, 1), np.float32)
    ring[:, [0, -1], :] = ring[:, :, [0, -1]] = 255.0
    cropped = augmented(ring, Augmentation(crop=0.5))
    assert (cropped[:, 2:-2, 2:-2] == 0.0).sum() == ring[:, 2:-2, 2:-2].size
    assert (cropped.mean(axis=(1, 2, 3)) <= ring[0].mean() + 1e-3).all()


def test_a_shift_moves_by_no_more_than_its_share() -> None:
    dot = np.zeros((32, SIDE, SIDE, 1), np.float32)
    dot[:, SIDE // 2, SIDE // 2] = 255.0
    moved = augmented(dot, Augmentation(shift=0.2))[..., 0]
    weights = moved / moved.sum(axis=(1, 2), keepdims=True)
    across = (weights.sum(axis=1) * np.arange(SIDE)).sum(axis=1) - SIDE // 2
    assert np.abs(across).max() <= 0.2 * SIDE + 1e-3
    assert np.abs(across).max() > 0.1 * SIDE


def test_light_alone_leaves_an_even_picture_even() -> None:
    grey = np.full((8, SIDE, SIDE, 3), 120.0, np.float32)
    lit = augmented(grey, Augmentation(brightness=0.2))
    assert np.ptp(lit, axis=(1, 2, 3)).max() < 1e-3
    assert np.ptp(lit[:, 0, 0, 0]) > 10.0


def test_colours_are_turned_about_the_grey_they_have() -> None:
    before = np.full((64, SIDE, SIDE, 3), (200.0, 100.0, 60.0), np.float32)
    after = augmented(before, Augmentation(hue=1.0))
    assert after.mean(axis=(1, 2, 3)) == pytest.approx(np.full(64, 120.0), abs=0.1)
    assert set(after[:, 0, 0].argmax(axis=1)) == {0, 1, 2}
    slightly = augmented(before, Augmentation(hue=0.1))
    assert (slightly[:, 0, 0].argmax(axis=1) == 0).all()
    assert not np.array_equal(slightly, before)


def test_a_share_of_the_pictures_loses_its_colours() -> None:
    after = augmented(pictures(64), Augmentation(greyscale=0.5))
    grey = np.ptp(after, axis=3).max(axis=(1, 2)) < 1e-3
    assert 16 < grey.sum() < 48
    assert after[~grey] == pytest.approx(pictures(64)[~grey], abs=1e-3)
    assert after[grey][..., 0] == pytest.approx(pictures(64)[grey].mean(axis=3), abs=1e-3)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_share_of_the_pictures_becomes_negatives(channels: int) -> None:
    before = pictures(64)[..., :channels]
    after = augmented(before, Augmentation(negative=0.5, hue=0.5 if channels == 1 else 0.0))
    same = np.isclose(after, before, atol=1e-3).all(axis=(1, 2, 3))
    turned = np.isclose(after, 255.0 - before, atol=1e-3).all(axis=(1, 2, 3))
    assert (same != turned).all()
    assert 16 < turned.sum() < 48


def test_exchanged_colours_leave_the_other_changes_as_they_were() -> None:
    without, inside = (augmented(pictures(), Augmentation(shift=0.2, negative=share)) for share in (0.0, 1.0))
    assert inside == pytest.approx(255.0 - without, abs=1e-3)
