"""A running average of the weights, which is measured and kept in place of the weights themselves.

The average moves a share of 1 - decay towards the weights each step (Polyak and Juditsky, 1992; decays near 1 as in
Szegedy et al., arXiv 1512.00567), and faster at the beginning, when there is nothing worth remembering: the decay is
min(decay, (1 + step) / (10 + step)), TensorFlow's `ExponentialMovingAverage(num_updates=…)`. Batch statistics are
averaged like every other weight: those of the raw weights would not fit the averaged ones. Keras' own
`Optimizer(use_ema=True)` leaves them out and starts from the first step's random weights.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray


class WeightAverage(keras.callbacks.Callback):  # type: ignore[misc]
    """Moves along while its model trains, and stands in for the weights while that is validated.

    It moves once a call of TensorFlow (up to eight steps), by as much as these steps together would: a hundredth of
    the cost of a step, and the same on every run, since the number of steps a call follows from the settings.
    """

    def __init__(self, model: keras.Model, decay: float, *, steps_done: int = 0) -> None:
        super().__init__()
        self._decay = decay
        self._steps_done, self._steps_of_epoch = steps_done, 0
        self._weights = [weight.value for weight in model.weights]
        with model.distribute_strategy.scope():
            self._averages = [tf.Variable(weight, trainable=False) for weight in self._weights]

    def values(self) -> list[NDArray[Any]]:
        """The average, an array for each of `model.weights`; not while it stands in for them."""
        return [average.numpy() for average in self._averages]

    def restore(self, values: list[NDArray[Any]]) -> None:
        """Go on from the `values` an interrupted training had."""
        for average, value in zip(self._averages, values, strict=True):
            average.assign(value)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Keras counts the steps of each epoch from zero."""
        self._steps_of_epoch = 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Called after each call of TensorFlow with the number of its last step."""
        steps = batch + 1 - self._steps_of_epoch
        self._steps_of_epoch += steps
        self._steps_done += steps
        decay = min(self._decay, (1 + self._steps_done) / (10 + self._steps_done)) ** steps
        self._move(tf.constant(np.float32(1.0 - decay)))

    def on_test_begin(self, logs: Any = None) -> None:
        """Validation looks at the average."""
        self.exchange()

    def on_test_end(self, logs: Any = None) -> None:
        """Training goes on from the weights."""
        self.exchange()

    @tf.function  # type: ignore[untyped-decorator]
    def exchange(self) -> None:
        """Put the average into the model and what was there into the average."""
        for average, weight in zip(self._averages, self._weights, strict=True):
            raw = tf.identity(weight)
            with tf.control_dependencies([raw]):
                weight.assign(average)
                average.assign(raw)

    @tf.function  # type: ignore[untyped-decorator]
    def _move(self, share: tf.Tensor) -> None:
        for average, weight in zip(self._averages, self._weights, strict=True):
            average.assign(average + share * (weight - average))
