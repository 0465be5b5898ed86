"""A training that begins with somebody's weights: first the new last layer alone, then everything, more slowly.

A random last layer would spoil the features in the first steps otherwise. While they are frozen their normalisation
keeps the statistics it came with.
"""

from __future__ import annotations

import keras
import msgspec

from trainer.architecture.networks import LOGITS
from trainer.data.dataset import Prepared
from trainer.learning.checkpoints import Checkpoints
from trainer.learning.fitting import Fitted, fit
from trainer.progress import OnEpoch, OnStep
from trainer.settings import Resolved


def fit_network(
    model: keras.Model,
    data: Prepared,
    settings: Resolved,
    on_epoch: OnEpoch,
    *,
    on_step: OnStep | None = None,
    checkpoints: Checkpoints | None = None,
) -> Fitted:
    """`trainer.learning.fitting.fit`, in two parts where the network began with weights; epochs are counted through.

    Training in two parts keeps no checkpoint: it starts anew after an interruption.
    """
    if not settings.network.weights:
        return fit(model, data, settings, on_epoch, on_step=on_step, checkpoints=checkpoints)
    frozen = round(settings.network.frozen_share * settings.training.epochs)
    parts = []
    if frozen:
        _freeze(model, True)
        parts.append(fit(model, data, _with(settings, frozen, 1.0), on_epoch))
        _freeze(model, False)
    left = max(1, settings.training.epochs - frozen)
    done = sum(part.epochs for part in parts)
    slower = _with(settings, left, settings.network.fine_tuning_rate)
    parts.append(fit(model, data, slower, lambda epoch, logs: on_epoch(done + epoch, logs)))
    return _joined(parts)


def _with(settings: Resolved, epochs: int, times: float) -> Resolved:
    training = msgspec.structs.replace(
        settings.training, epochs=epochs, learning_rate=settings.training.learning_rate * times
    )
    return msgspec.structs.replace(settings, training=training)


def _freeze(model: keras.Model, frozen: bool) -> None:
    for layer in model.layers:
        layer.trainable = layer.name == LOGITS or not frozen


def _joined(parts: list[Fitted]) -> Fitted:
    last = parts[-1]
    before = sum(part.epochs for part in parts[:-1])
    return Fitted(
        history={name: tuple(value for part in parts for value in part.history[name]) for name in last.history},
        epochs=before + last.epochs,
        kept_epoch=before + last.kept_epoch,
        pictures=sum(part.pictures for part in parts),
        seconds=sum(part.seconds for part in parts),
    )
