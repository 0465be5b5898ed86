"""The training itself: AdamW along a cosine, watched on the validation split, stopped when that only gets worse.

The learning rate rises over the first tenth of the steps and falls to zero along a cosine (Loshchilov and Hutter,
arXiv 1608.03983; AdamW arXiv 1711.05101; label smoothing Szegedy et al., arXiv 1512.00567).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trainer.data.dataset import Pictures, Prepared
from trainer.learning.averages import WeightAverage
from trainer.learning.best_epoch import BestEpoch, Weights
from trainer.learning.checkpoints import Checkpoints, Position
from trainer.learning.distillation import taught
from trainer.learning.feeding import class_weights, still_batches, training_batches
from trainer.learning.hardware import scaled, settled, twin
from trainer.learning.inference import scores_of
from trainer.learning.keeping import Keeping
from trainer.learning.kept_weights import cross_entropies, last_will_do
from trainer.learning.summaries import summaries_in
from trainer.learning.telling import Telling
from trainer.progress import OnEpoch, OnStep
from trainer.settings import Resolved

_WARM_UP = 0.1
_STEPS_A_CALL = 8
"""At most so many steps run inside TensorFlow before Python is asked again, which costs a millisecond or two."""
_VALIDATION_BATCH = 256


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a training came to."""

    history: dict[str, tuple[float, ...]]
    """One value an epoch of `loss`, `accuracy`, `val_loss` and `val_accuracy`."""
    epochs: int
    """How many there were."""
    kept_epoch: int
    """Whose weights were kept, from 1."""
    pictures: int
    """Shown while training, over all epochs."""
    seconds: float


def fit(
    model: keras.Model,
    data: Prepared,
    settings: Resolved,
    on_epoch: OnEpoch,
    *,
    on_step: OnStep | None = None,
    checkpoints: Checkpoints | None = None,
) -> Fitted:
    """Train `model` on `data`; afterwards it has the kept weights. Repeatable after `framework.prepare`.

    `on_step` hears of steps within an epoch. With `checkpoints` a training that was interrupted goes on where it left
    off, to the very weights it would have had otherwise.
    """
    settings = settled(settings)
    steps = max(1, len(data.splits["train"]) // settings.training.batch)
    trained = twin(taught(model, data.labels, settings), settings.training)
    _compile(trained, settings, steps)
    found = checkpoints.load() if checkpoints else None
    begin = found[0] if found else Position()
    average = _average(trained, settings, steps_done=begin.epoch * steps + begin.step)
    best = BestEpoch(settings.training.patience, average.values if average else trained.get_weights)
    keeping = Keeping(checkpoints, best, average, steps=steps)
    validation = still_batches(
        data.splits["validation"], len(data.labels), settings.preprocessing, batch=_VALIDATION_BATCH
    )
    if found:
        keeping.resume(trained, *found, example=next(iter(validation)))
    with summaries_in(settings.training.tensorboard) as summaries:
        telling = Telling(on_epoch, on_step, summaries, trained.optimizer, steps=steps, skipped=begin.step)
        callbacks = [*([average] if average else []), best, telling, keeping]
        for leg in _legs(begin, settings.training.epochs):
            if not best.is_over_after(keeping.position.epoch):
                _run(trained, data, settings, steps, leg, validation=validation, callbacks=callbacks)
    epochs = keeping.position.epoch
    model.set_weights(best.weights)
    last = average.values() if average else trained.get_weights()
    kept_last = _prefers_last(model, last, data.splits["validation"], settings)
    return Fitted(
        history=keeping.history(),
        epochs=epochs,
        kept_epoch=epochs if kept_last else best.epoch,
        pictures=epochs * steps * settings.training.batch,
        seconds=keeping.seconds,
    )


@dataclass(frozen=True, slots=True)
class _Leg:
    """Some epochs in a row; Keras wants as many steps of each."""

    first: int
    end: int
    done: int = 0
    """Steps of the first that are done already."""


def _legs(position: Position, epochs: int) -> Iterator[_Leg]:
    """What is left after `position`: the rest of an epoch that was interrupted in the middle, then whole ones."""
    first = position.epoch
    if position.step:
        yield _Leg(first, first + 1, position.step)
        first += 1
    if first < epochs:
        yield _Leg(first, epochs)


def _run(
    model: keras.Model,
    data: Prepared,
    settings: Resolved,
    steps: int,
    leg: _Leg,
    *,
    validation: tf.data.Dataset,
    callbacks: list[keras.callbacks.Callback],
) -> None:
    model.fit(
        _training(data.splits["train"], len(data.labels), settings, first_step=leg.first * steps + leg.done),
        steps_per_epoch=steps - leg.done,
        initial_epoch=leg.first,
        epochs=leg.end,
        validation_data=validation,
        callbacks=callbacks,
        shuffle=False,  # done already, with the seed
        verbose=0,
    )


def _training(pictures: Pictures, classes: int, settings: Resolved, *, first_step: int) -> tf.data.Dataset:
    return training_batches(
        pictures,
        classes,
        settings.preprocessing,
        settings.augmentation,
        batch=settings.training.batch,
        seed=settings.seed,
        weights=class_weights(pictures.labels, classes, settings.training.class_weights),
        threads=settings.training.threads,
        first_step=first_step,
    )


def _compile(model: keras.Model, settings: Resolved, steps: int) -> None:
    total = steps * settings.training.epochs
    rising = max(1, round(_WARM_UP * total))
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, total - rising), warmup_target=settings.training.learning_rate, warmup_steps=rising
    )
    with model.distribute_strategy.scope():
        optimizer = keras.optimizers.AdamW(rate, weight_decay=settings.training.weight_decay)
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        model.compile(
            scaled(optimizer, settings.training),
            keras.losses.CategoricalCrossentropy(label_smoothing=settings.training.label_smoothing),
            metrics=["accuracy"],
            steps_per_execution=_steps_a_call(steps, settings.training.devices == 1),
        )


def _steps_a_call(steps: int, one_device: bool) -> int:
    """The largest divisor of `steps` up to the limit: Keras would run past the epoch otherwise.

    On several devices 1: there Keras 3.15 ends with "must feed a value for placeholder" for more (TensorFlow 2.21).
    """
    if not one_device:
        return 1
    return max(number for number in range(1, _STEPS_A_CALL + 1) if steps % number == 0)


def _average(model: keras.Model, settings: Resolved, *, steps_done: int) -> WeightAverage | None:
    if not settings.training.ema:
        return None
    return WeightAverage(model, settings.training.ema, steps_done=steps_done)


def _prefers_last(model: keras.Model, last: Weights, validation: Pictures, settings: Resolved) -> bool:
    """Put the last weights into `model`, which has the best ones, unless validation speaks against it."""

    def losses() -> np.ndarray[Any, np.dtype[np.float64]]:
        return cross_entropies(scores_of(model, validation.frames, settings.preprocessing), validation.labels)

    best, best_losses = model.get_weights(), losses()
    model.set_weights(last)
    if last_will_do(losses(), best_losses):
        return True
    model.set_weights(best)
    return False
