"""What is left open in train.toml, settled for a detector: from the sizes of the pictures and of what is marked."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from msgspec import UNSET
from msgspec.structs import replace

from contract.errors import ConfigError
from edge.marked import Marked
from trainer.detection.dataset import Detected
from trainer.detection.grid import Grid
from trainer.detection.settings import DetectionSettings, Stride
from trainer.settings import Augmentation, InputSettings, Resolved, Suggestion, TrainConfig, resolve

FOR_BOXES = Augmentation(shift=0.1, zoom=0.3, stretch=0.15, flip=True, brightness=0.15, contrast=0.3, colour=0.1)
"""Never turned: a turned box is no longer upright."""
_PICTURES_SHOWN = 24_000
_EPOCHS = (20, 80)
"""Never fewer and never more than these unless somebody says so."""
_BATCH, _SMALL_BATCH, _FEW = 16, 8, 1000
"""Pictures a step; the smaller number below so many training pictures."""
_CELLS_ACROSS = 1.5
"""A small thing should be so many cells wide."""
_SMALL = 10
"""Per cent of a class's boxes may be smaller than that."""


def resolve_detector(config: TrainConfig, *, name: str, prep: InputSettings, train: Detected, classes: int) -> Resolved:
    """`config` with everything settled but the decoding, whose threshold is measured after training."""
    training, few = config.training, len(train) < _FEW
    shortest, longest = _EPOCHS
    epochs = training.epochs or min(longest, max(shortest, -(-_PICTURES_SHOWN // len(train))))
    batch = training.batch or (_SMALL_BATCH if few else _BATCH)
    said = replace(config, training=replace(training, epochs=epochs, batch=batch, patience=training.patience or epochs))
    suggestion = Suggestion(preprocessing=prep, augmentation=FOR_BOXES)
    settled = resolve(said, name=name, suggestion=suggestion, train_pictures=len(train))
    more = more_of(config)
    return replace(
        settled,
        augmentation=_upright(settled.augmentation),
        detection=replace(more, stride=more.stride or suited_stride(train.marked, classes)),
        decoding=UNSET,
    )


def suited_stride(marked: Sequence[Marked], classes: int) -> Stride:
    """The coarser of 8 and 4 pixels a cell on which each class's small boxes are still over a cell wide."""
    boxes = np.concatenate([np.empty((0, 4), np.float32), *(one.boxes[~one.crowd] for one in marked)])
    labels = np.concatenate([np.empty(0, np.int64), *(one.labels[~one.crowd] for one in marked)])
    across = np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1))
    small = [float(np.percentile(across[labels == label], _SMALL)) for label in range(classes) if label in labels]
    return 8 if min(small, default=math.inf) >= 8 * _CELLS_ACROSS else 4


def grid_of(settings: Resolved) -> Grid:
    """The cells a settled detector answers on."""
    stride = more_of(settings).stride
    if stride is None:
        raise ConfigError("the stride is open", where="detection.stride", fix="Take the train.toml of a run.")
    return Grid(settings.preprocessing.size_wh, stride)


def more_of(settings: TrainConfig) -> DetectionSettings:
    """`[detection]`, or what it is without being written."""
    return settings.detection or DetectionSettings()


def _upright(how: Augmentation) -> Augmentation:
    if how.rotation_degrees:
        raise ConfigError(
            "a detector's pictures cannot be turned: their boxes would no longer fit",
            where="augmentation.rotation_degrees",
            fix="Leave it 0; detection.upside_down mirrors them.",
        )
    return how
