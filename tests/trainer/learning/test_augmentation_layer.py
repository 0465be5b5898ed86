"""The changes as a layer: the same code, saved with a model, and still outside of training."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.trainer.tensorflow_marks import WITH_TENSORFLOW
from trainer.settings import FOR_PHOTOGRAPHS

pytestmark = WITH_TENSORFLOW


def test_a_saved_model_changes_pictures_as_before_and_only_while_training(tmp_path: Path) -> None:
    import keras
    import tensorflow as tf

    from trainer.learning.augmentation import augment
    from trainer.learning.augmentation_layer import RandomChanges

    pixels = np.random.default_rng(0).integers(0, 256, (4, 9, 9, 3)).astype(np.float32)
    pictures = keras.Input((9, 9, 3))
    keras.Model(pictures, RandomChanges(FOR_PHOTOGRAPHS, seed=3)(pictures)).save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.layers[-1].how == FOR_PHOTOGRAPHS
    assert np.array_equal(again(pixels, training=False), pixels)
    drawn = keras.random.SeedGenerator(3)
    expected = [augment(tf.constant(pixels), tf.cast(drawn.next(), tf.int64), FOR_PHOTOGRAPHS) for _ in range(2)]
    for one in expected:
        assert np.array_equal(again(pixels, training=True), one)
    assert not np.array_equal(*expected)
