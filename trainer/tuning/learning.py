"""The training of one trial, by task: on the training split, watched and judged on the validation split."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from contract.manifest import Task
from trainer.data.origin import open_origin
from trainer.learning import framework
from trainer.progress import OnEpoch
from trainer.settings import TrainConfig


class Learnt(NamedTuple):
    """What a training that came to its end came to."""

    accuracy: float
    """On the validation split, of the weights that would be kept; mAP50-95 of a detector."""
    epochs: int
    seconds: float


def learn(text: str, config: TrainConfig, on_epoch: OnEpoch) -> Learnt:
    """Train a network of `config` on the pictures `text` names."""
    return _LEARN[config.task](text, config, on_epoch)


def _classifier(text: str, config: TrainConfig, on_epoch: OnEpoch) -> Learnt:
    from trainer.training import prepared

    data, settings = prepared(open_origin(text), "trial", config)
    framework.prepare(threads=settings.training.threads, seed=settings.seed)
    from trainer.architecture.networks import build_classifier
    from trainer.learning.fine_tuning import fit_network

    model = build_classifier(settings.preprocessing, len(data.labels), settings.network)
    fitted = fit_network(model, data, settings, on_epoch)
    return Learnt(fitted.history["val_accuracy"][fitted.kept_epoch - 1], fitted.epochs, fitted.seconds)


def _detector(text: str, config: TrainConfig, on_epoch: OnEpoch) -> Learnt:
    from trainer.detection.detecting import prepared_boxes
    from trainer.detection.resolving import grid_of, more_of

    data, settings = prepared_boxes(open_origin(text), "trial", config)
    framework.prepare(threads=settings.training.threads, seed=settings.seed)
    from trainer.detection.fitting import fit
    from trainer.detection.inference import looking_at
    from trainer.detection.network import build_detector

    grid = grid_of(settings)
    model = build_detector(settings.preprocessing, len(data.labels), settings.network, grid)
    look = looking_at(data.splits["validation"], settings.preprocessing, grid, more_of(settings), data.labels)
    fitted = fit(model, data, settings, grid, look, on_epoch)
    return Learnt(fitted.looks[fitted.kept_epoch], fitted.epochs, fitted.seconds)


_LEARN: Mapping[Task, Callable[[str, TrainConfig, OnEpoch], Learnt]] = {"classify": _classifier, "detect": _detector}
