"""The same random changes as a Keras layer, for whoever builds a model of their own and wants them inside it.

Training here does without: in the input pipeline they run beside the network and not in front of it. The layer is
saved with its model by name and settings and changes nothing outside of training, but the models a run keeps have
none, because converters would find operations in them that no device needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import msgspec
import tensorflow as tf

from trainer.learning.augmentation import augment
from trainer.settings import Augmentation


@keras.saving.register_keras_serializable(package="edgeferry")
class RandomChanges(keras.layers.Layer):  # type: ignore[misc]
    """(N, H, W, C) pixels 0..255 to float32 of the same shape and range, changed while training and not otherwise.

    `how` is an `Augmentation`, or its fields as a mapping. Equal seeds give equal changes, call by call.
    """

    def __init__(self, how: Augmentation | Mapping[str, Any], *, seed: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.how = how if isinstance(how, Augmentation) else msgspec.convert(how, Augmentation)
        self.seed = seed
        self._draws = keras.random.SeedGenerator(seed)

    def call(self, pixels: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Keras says whether it is training."""
        pixels = tf.cast(pixels, tf.float32)
        if not training:
            return pixels
        return augment(pixels, tf.cast(self._draws.next(), tf.int64), self.how)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The same."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """What `from_config` needs."""
        return {**super().get_config(), "how": msgspec.to_builtins(self.how), "seed": self.seed}
