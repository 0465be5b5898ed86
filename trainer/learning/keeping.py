"""A training's state taken out of Keras, written now and then, and put back: what `--resume` rests on."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trainer.learning.averages import WeightAverage
from trainer.learning.best_epoch import BestEpoch
from trainer.learning.checkpoints import Arrays, Checkpoints, Position


class Keeping(keras.callbacks.Callback):  # type: ignore[misc]
    """Knows how far its training is, and saves that to `checkpoints` when it is due.

    Comes last among the callbacks: what it saves has seen the same steps and epochs as every other.
    """

    def __init__(
        self,
        checkpoints: Checkpoints | None,
        best: BestEpoch,
        average: WeightAverage | None,
        *,
        steps: int,
    ) -> None:
        super().__init__()
        self._checkpoints, self._best, self._average = checkpoints, best, average
        self._steps = steps
        self._begun = time.monotonic()
        self._skipped = 0
        self._metrics: list[Any] = []
        self.position = Position()

    def resume(self, model: keras.Model, position: Position, arrays: Arrays, example: Any) -> None:
        """Put everything back; `example` is a batch, which Keras wants to see before it makes its metrics."""
        self.position = position
        self._begun = time.monotonic() - position.seconds
        assign(_state(model), arrays["state"])
        if self._average is not None:
            self._average.restore(arrays["average"])
        if arrays["best"]:
            loss = position.best_loss if position.best_loss is not None else math.inf
            self._best.restore(position.best_epoch, loss, arrays["best"])
        if position.step:
            model.test_on_batch(*example)
            self._skipped, self._metrics = position.step, arrays["metrics"]

    @property
    def seconds(self) -> float:
        """Of training, in all its parts."""
        return time.monotonic() - self._begun

    def history(self) -> dict[str, tuple[float, ...]]:
        """A value an epoch of what Keras measures."""
        known = self.position.history.items()
        return {name: tuple(math.nan if value is None else value for value in values) for name, values in known}

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Keras has just set its metrics to nothing: put back those of an epoch that was interrupted."""
        if self._metrics:
            assign(_metrics(self.model), self._metrics)
            self._metrics = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """A long epoch is saved in the middle."""
        step = self._skipped + batch + 1
        if step < self._steps and self._checkpoints is not None and self._checkpoints.is_due():
            self._save(self.position.epoch, step)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Another line of the history."""
        history = {name: (*self.position.history.get(name, ()), float(value)) for name, value in logs.items()}
        self.position = Position(epoch=epoch + 1, history=history)
        self._skipped = 0
        if self._checkpoints is not None and self._checkpoints.is_due():
            self._save(epoch + 1, 0)

    def _save(self, epoch: int, step: int) -> None:
        assert self._checkpoints is not None
        position = Position(
            epoch=epoch,
            step=step,
            seconds=self.seconds,
            best_epoch=self._best.epoch,
            best_loss=self._best.loss if math.isfinite(self._best.loss) else None,
            history=self.position.history,
        )
        arrays = {
            "state": [np.asarray(variable) for variable in _state(self.model)],
            "metrics": [np.asarray(variable) for variable in _metrics(self.model)] if step else [],
            "average": self._average.values() if self._average is not None else [],
            "best": self._best.weights,
        }
        self._checkpoints.save(position, arrays)


def _state(model: keras.Model) -> list[keras.Variable]:
    """Weights, states of random layers, and the optimizer's."""
    if not model.optimizer.built:
        with model.distribute_strategy.scope():
            model.optimizer.build(model.trainable_variables)
    return [*model.variables, *model.optimizer.variables]


def _metrics(model: keras.Model) -> list[keras.Variable]:
    return [variable for metric in model.metrics for variable in metric.variables]


def assign(variables: Sequence[Any], values: Sequence[np.ndarray[Any, Any]]) -> None:
    """Give each of Keras' or TensorFlow's `variables` its value."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(tf.constant(value))
