"""The best epoch so far, judged by the validation loss, and whether it is time to stop.

Keras' `EarlyStopping` does the same, but forgets everything when a training is interrupted.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
from numpy.typing import NDArray

Weights = list[NDArray[Any]]


class BestEpoch(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps the weights of the epoch with the lowest validation loss, and stops after `patience` without a lower one.

    `weights` gives those that were validated: the model's own, or their average.
    """

    def __init__(self, patience: int, weights: Callable[[], Weights]) -> None:
        super().__init__()
        self._patience = patience
        self._validated = weights
        self.epoch = 0
        """From 1; 0 before the first."""
        self.loss = math.inf
        self.weights: Weights = []

    def restore(self, epoch: int, loss: float, weights: Weights) -> None:
        """Go on from what an interrupted training knew."""
        self.epoch, self.loss, self.weights = epoch, loss, weights

    def is_over_after(self, epochs: int) -> bool:
        """Whether a training of so many epochs has waited long enough."""
        return epochs - self.epoch >= self._patience

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Compare; a loss that is no number counts as infinite, and something is kept even then."""
        loss = float(logs["val_loss"]) if math.isfinite(logs["val_loss"]) else math.inf
        if loss < self.loss or not self.weights:
            self.restore(epoch + 1, loss, self._validated())
        if self.is_over_after(epoch + 1):
            self.model.stop_training = True
