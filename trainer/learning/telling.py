"""Who hears of a training while it goes on: whoever watches, step by step and epoch by epoch, and TensorBoard."""

from __future__ import annotations

import time
from typing import Any

import keras

from trainer.learning.summaries import Summaries
from trainer.progress import OnEpoch, OnStep

_PAUSE = 0.5
"""Seconds between two words about steps: enough for an eye, and nothing for the training."""


class Telling(keras.callbacks.Callback):  # type: ignore[misc]
    """Adds `learning_rate` to what Keras knows and passes it on.

    `skipped` steps of the first epoch were done before an interruption.
    """

    def __init__(
        self,
        on_epoch: OnEpoch,
        on_step: OnStep | None,
        summaries: Summaries | None,
        optimizer: keras.optimizers.Optimizer,
        *,
        steps: int,
        skipped: int = 0,
    ) -> None:
        super().__init__()
        self._on_epoch, self._on_step, self._summaries = on_epoch, on_step, summaries
        self._optimizer = optimizer
        self._steps, self._skipped = steps, skipped
        self._epoch, self._next = 0, 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Numbers are from 1 for people."""
        self._epoch = epoch + 1

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Not every time."""
        if self._on_step is None or time.monotonic() < self._next:
            return
        self._on_step(self._epoch, (self._skipped + batch + 1) / self._steps, self._known(logs))
        self._next = time.monotonic() + _PAUSE

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Every time."""
        self._skipped = 0
        known = self._known(logs)
        if self._summaries is not None:
            self._summaries.epoch(epoch + 1, known)
        self._on_epoch(epoch + 1, known)

    def _known(self, logs: Any) -> dict[str, float]:
        rate = float(keras.ops.convert_to_numpy(self._optimizer.learning_rate))
        return {**{name: float(value) for name, value in logs.items()}, "learning_rate": rate}
