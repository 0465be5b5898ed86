"""The training itself: AdamW along a cosine, watched on the validation split, stopped when that only gets worse.

The learning rate rises over the first tenth of the steps and falls to zero along a cosine (Loshchilov and Hutter,
arXiv 1608.03983; AdamW arXiv 1711.05101; label smoothing Szegedy et al., arXiv 1512.00567).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trainer.dataset import Pictures, Prepared
from trainer.feeding import class_weights, still_batches, training_batches
from trainer.inference import scores_of
from trainer.kept_weights import cross_entropies, last_will_do
from trainer.progress import OnEpoch
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


def fit(model: keras.Model, data: Prepared, settings: Resolved, on_epoch: OnEpoch) -> Fitted:
    """Train `model` on `data`; afterwards it has the kept weights. Repeatable after `trainer.framework.prepare`."""
    classes = len(data.labels)
    steps = max(1, len(data.splits["train"]) // settings.training.batch)
    _compile(model, settings, steps)
    last: list[Any] = []
    keep_last = keras.callbacks.LambdaCallback(on_train_end=lambda _: last.extend(model.get_weights()))
    stopping = keras.callbacks.EarlyStopping("val_loss", patience=settings.training.patience, restore_best_weights=True)
    telling = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: on_epoch(epoch + 1, logs))
    begun = time.monotonic()
    history = model.fit(
        _training(data.splits["train"], classes, settings),
        steps_per_epoch=steps,
        epochs=settings.training.epochs,
        validation_data=still_batches(
            data.splits["validation"], classes, settings.preprocessing, batch=_VALIDATION_BATCH
        ),
        callbacks=[telling, keep_last, stopping],  # in this order at the end: stopping puts the best weights back
        shuffle=False,  # done already, with the seed
        verbose=0,
    ).history
    epochs = len(history["loss"])
    kept_last = _prefers_last(model, last, data.splits["validation"], settings)
    return Fitted(
        history={name: tuple(map(float, values)) for name, values in history.items()},
        epochs=epochs,
        kept_epoch=epochs if kept_last else stopping.best_epoch + 1,
        pictures=epochs * steps * settings.training.batch,
        seconds=time.monotonic() - begun,
    )


def _training(pictures: Pictures, classes: int, settings: Resolved) -> tf.data.Dataset:
    return training_batches(
        pictures,
        classes,
        settings.preprocessing,
        settings.augmentation,
        batch=settings.training.batch,
        seed=settings.seed,
        weights=class_weights(pictures.labels, classes, settings.training.class_weights),
        threads=settings.training.threads,
    )


def _compile(model: keras.Model, settings: Resolved, steps: int) -> None:
    total = steps * settings.training.epochs
    rising = max(1, round(_WARM_UP * total))
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, total - rising), warmup_target=settings.training.learning_rate, warmup_steps=rising
    )
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=settings.training.weight_decay),
        keras.losses.CategoricalCrossentropy(label_smoothing=settings.training.label_smoothing),
        metrics=["accuracy"],
        steps_per_execution=_steps_a_call(steps),
    )


def _steps_a_call(steps: int) -> int:
    """The largest divisor of `steps` up to the limit: Keras would run past the epoch otherwise."""
    return max(number for number in range(1, _STEPS_A_CALL + 1) if steps % number == 0)


def _prefers_last(model: keras.Model, last: list[Any], validation: Pictures, settings: Resolved) -> bool:
    """Put the last weights into `model`, which has the best ones, unless validation speaks against it."""

    def losses() -> np.ndarray[Any, np.dtype[np.float64]]:
        return cross_entropies(scores_of(model, validation.frames, settings.preprocessing), validation.labels)

    best, best_losses = model.get_weights(), losses()
    model.set_weights(last)
    if last_will_do(losses(), best_losses):
        return True
    model.set_weights(best)
    return False
