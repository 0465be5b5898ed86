"""The training of a detector: AdamW along a cosine, weights averaged, watched on the validation split now and then.

The averaged weights (Polyak and Juditsky, 1992; with a decay, as every detector since has it) are what is measured and
kept: those of the best look at the validation split, since one look costs seconds here and there are few.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
from trainer.detection.keeping import Course, Keeping
from trainer.detection.loss import detection_loss, rarity_weights
from trainer.detection.resolving import more_of
from trainer.detection.targets import Truth
from trainer.learning.checkpoints import Checkpoints
from trainer.learning.summaries import summaries_in
from trainer.learning.telling import Telling
from trainer.progress import OnEpoch, OnStep
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
    model: keras.Model,
    data: PreparedBoxes,
    settings: Resolved,
    grid: Grid,
    look: Look,
    on_epoch: OnEpoch,
    *,
    on_step: OnStep | None = None,
    checkpoints: Checkpoints | None = None,
) -> FittedDetector:
    """Train `model` on `data`; afterwards it has the kept weights. Repeatable after `framework.prepare`.

    `on_step` hears of steps within an epoch. With `checkpoints` a training that was interrupted goes on where it left
    off, to the very weights it would have had otherwise.
    """
    epochs, batch = settings.training.epochs, settings.training.batch
    steps = max(1, len(data.splits["train"]) // batch)
    rarity = rarity_weights(data.splits["train"].counts(len(data.labels)), settings.training.class_weights)
    stepping = _Stepping(model, settings, grid, steps * epochs, rarity)
    course = Course()
    keeping = Keeping(checkpoints, stepping.variables, course)
    keeping.resume()
    batches = iter(_batches(data, settings, steps * epochs, first_step=course.epoch * steps + course.step))
    with summaries_in(settings.training.tensorboard) as summaries:
        telling = Telling(on_epoch, on_step, summaries, stepping.optimizer, steps=steps)
        while course.epoch < epochs:
            telling.on_epoch_begin(course.epoch)
            _learn(stepping, batches, steps, course, telling, keeping)
            loss = stepping.epoch_loss()
            _check_finite(loss, course.epoch + 1)
            course.ended(loss)
            if course.epoch in look_epochs(epochs):
                with stepping.averaged():
                    course.seen(course.epoch, look(model), model.get_weights())
            telling.on_epoch_end(course.epoch - 1, {"loss": loss, "val_map": course.last_look})
            keeping.save_when_due()
    model.set_weights(course.best)
    return FittedDetector(
        loss=course.loss,
        looks=course.looks,
        epochs=epochs,
        kept_epoch=course.best_epoch,
        pictures=steps * epochs * batch,
        seconds=course.seconds,
    )


def _batches(data: PreparedBoxes, settings: Resolved, total: int, *, first_step: int) -> tf.data.Dataset:
    return training_batches(
        data.splits["train"],
        settings.preprocessing,
        settings.augmentation,
        more_of(settings),
        batch=settings.training.batch,
        seed=settings.seed,
        threads=settings.training.threads,
        mosaics_until=round((1.0 - _PLAIN) * total),
        first_step=first_step,
    )


def _learn(
    stepping: _Stepping, batches: Iterator[Any], steps: int, course: Course, telling: Telling, keeping: Keeping
) -> None:
    """The steps that are left of an epoch."""
    while course.step < steps:
        stepping.step(*next(batches))
        course.step += 1
        telling.on_train_batch_end(course.step - 1, {"loss": stepping.loss.result()})
        if course.step < steps:
            keeping.save_when_due()


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
        self.optimizer = keras.optimizers.AdamW(
            rate, weight_decay=settings.training.weight_decay, global_clipnorm=_NORM
        )
        self.optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        self.optimizer.build(model.trainable_variables)
        self._average = [tf.Variable(weight.value) for weight in model.weights]
        self._steps = tf.Variable(0.0)
        self.loss = keras.metrics.Mean()
        """Of the steps of this epoch."""
        self.step = tf.function(self._step, autograph=False)  # nothing to convert, and seconds to find that out

    def _step(self, pictures: tf.Tensor, boxes: tf.Tensor, labels: tf.Tensor) -> None:
        weights = self._model.trainable_variables
        with tf.GradientTape() as tape:
            out = self._model(pictures, training=True)
            loss = detection_loss(out[BOXES], out[SCORES], Truth(boxes, labels), self._grid, self._weights)
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        # Early averages must not be made of random weights (TensorFlow's ExponentialMovingAverage does the same).
        keep = tf.minimum(self._keep, (1.0 + self._steps) / (10.0 + self._steps))
        for average, weight in zip(self._average, self._model.weights, strict=True):
            average.assign(keep * average + (1.0 - keep) * weight.value)
        self._steps.assign_add(1.0)
        self.loss.update_state(loss)

    @property
    def variables(self) -> list[Any]:
        """Every number the next step depends on, and the loss so far."""
        learnt = [*self._model.variables, *self.optimizer.variables, *self._average]
        return [*learnt, self._steps, *self.loss.variables]

    def epoch_loss(self) -> float:
        """The mean over the epoch that has just ended; the next one begins."""
        mean = float(self.loss.result())
        self.loss.reset_state()
        return mean

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Within, the model has the averaged weights."""
        own = self._model.get_weights()
        self._model.set_weights([average.numpy() for average in self._average])
        try:
            yield
        finally:
            self._model.set_weights(own)
