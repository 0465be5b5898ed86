"""The training of a detector: AdamW along a cosine, weights averaged, watched on the validation split now and then.

The averaged weights (Polyak and Juditsky, 1992; with a decay, as every detector since has it) are what is measured and
kept: those of the best look at the validation split, since one look costs seconds here and there are few.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from contract.errors import ModelError
from trainer.detection.dataset import PreparedBoxes
from trainer.detection.decoding import BOXES, SCORES
from trainer.detection.feeding import training_batches
from trainer.detection.grid import Grid
from trainer.detection.loss import detection_loss, rarity_weights
from trainer.detection.resolving import more_of
from trainer.detection.targets import Truth
from trainer.progress import OnEpoch
from trainer.settings import Resolved

_WARM_UP = 0.05
_RATED_BATCH = 16
"""Pictures a step that `training.learning_rate` is meant for; fewer are learnt from more gently, by the square root
(Malladi et al., arXiv 2205.10287)."""
_PLAIN = 0.15
"""The last share of the steps, without mosaics: the network ends on pictures as they are (YOLOX)."""
LOOKS = 10
"""At the validation split, at even distances, the last one at the end."""
_NORM = 10.0
"""Gradients longer than this are shortened to it."""

Look = Callable[[keras.Model], float]
"""mAP50-95, 0..1, on the validation split."""


@dataclass(frozen=True, slots=True)
class FittedDetector:
    """What a training came to."""

    loss: tuple[float, ...]
    """Of each epoch."""
    looks: dict[int, float]
    """mAP50-95 on the validation split by epoch, of the averaged weights."""
    epochs: int
    kept_epoch: int
    """Whose averaged weights were kept, from 1."""
    pictures: int
    """Shown while training, over all epochs."""
    seconds: float


def fit(
    model: keras.Model, data: PreparedBoxes, settings: Resolved, grid: Grid, look: Look, on_epoch: OnEpoch
) -> FittedDetector:
    """Train `model` on `data`; afterwards it has the kept weights. Repeatable after `framework.prepare`."""
    training = settings.training
    steps = max(1, len(data.splits["train"]) // training.batch)
    total = steps * training.epochs
    weights = rarity_weights(data.splits["train"].counts(len(data.labels)), training.class_weights)
    stepping = _Stepping(model, settings, grid, total, weights)
    batches = iter(
        training_batches(
            data.splits["train"],
            settings.preprocessing,
            settings.augmentation,
            more_of(settings),
            batch=training.batch,
            seed=settings.seed,
            threads=training.threads,
            mosaics_until=round((1.0 - _PLAIN) * total),
        )
    )
    begun = time.monotonic()
    losses: list[float] = []
    best = _Best()
    for epoch in range(1, training.epochs + 1):
        losses.append(float(np.mean([stepping.step(*next(batches)) for _ in range(steps)])))
        _check_finite(losses[-1], epoch)
        if epoch in look_epochs(training.epochs):
            with stepping.averaged():
                best.seen(epoch, look(model), model)
        on_epoch(epoch, {"loss": losses[-1], "val_map": best.last})
    model.set_weights(best.weights)
    return FittedDetector(
        loss=tuple(losses),
        looks=best.looks,
        epochs=training.epochs,
        kept_epoch=best.epoch,
        pictures=total * training.batch,
        seconds=time.monotonic() - begun,
    )


def _check_finite(loss: float, epoch: int) -> None:
    if not math.isfinite(loss):
        raise ModelError(
            f"the loss is {loss} in epoch {epoch}: the training ran away",
            where="training",
            fix="Lower training.learning_rate in train.toml.",
        )


def look_epochs(epochs: int) -> set[int]:
    """After which epochs, from 1, the validation split is looked at."""
    looks = min(LOOKS, epochs)
    return {round(epochs * number / looks) for number in range(1, looks + 1)}


@dataclass(slots=True)
class _Best:
    """The best weights seen so far; of equals the later ones."""

    looks: dict[int, float] = field(default_factory=dict)
    epoch: int = 0
    weights: list[NDArray[Any]] = field(default_factory=list)
    last: float = math.nan

    def seen(self, epoch: int, value: float, model: keras.Model) -> None:
        if not self.looks or value >= max(self.looks.values()):
            self.epoch, self.weights = epoch, model.get_weights()
        self.looks[epoch] = self.last = value


class _Stepping:
    """One step of learning, and the average of the weights over all of them."""

    def __init__(
        self, model: keras.Model, settings: Resolved, grid: Grid, total: int, weights: NDArray[np.float32]
    ) -> None:
        self._weights = weights
        rising = max(1, round(_WARM_UP * total))
        highest = settings.training.learning_rate * math.sqrt(settings.training.batch / _RATED_BATCH)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, max(1, total - rising), warmup_target=highest, warmup_steps=rising
        )
        self._model, self._grid, self._keep = model, grid, more_of(settings).averaging
        self._optimizer = keras.optimizers.AdamW(
            rate, weight_decay=settings.training.weight_decay, global_clipnorm=_NORM
        )
        self._optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        self._optimizer.build(model.trainable_variables)
        self._average = [tf.Variable(weight.value) for weight in model.weights]
        self._steps = tf.Variable(0.0)
        self.step = tf.function(self._step, autograph=False)  # nothing to convert, and seconds to find that out

    def _step(self, pictures: tf.Tensor, boxes: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        weights = self._model.trainable_variables
        with tf.GradientTape() as tape:
            out = self._model(pictures, training=True)
            loss = detection_loss(out[BOXES], out[SCORES], Truth(boxes, labels), self._grid, self._weights)
        self._optimizer.apply(tape.gradient(loss, weights), weights)
        # Early averages must not be made of random weights (TensorFlow's ExponentialMovingAverage does the same).
        keep = tf.minimum(self._keep, (1.0 + self._steps) / (10.0 + self._steps))
        for average, weight in zip(self._average, self._model.weights, strict=True):
            average.assign(keep * average + (1.0 - keep) * weight.value)
        self._steps.assign_add(1.0)
        return loss

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Within, the model has the averaged weights."""
        own = self._model.get_weights()
        self._model.set_weights([average.numpy() for average in self._average])
        try:
            yield
        finally:
            self._model.set_weights(own)
