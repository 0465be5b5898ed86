"""What is searched, as settings: input size, width, strength of augmentation and learning rate.

Of a classifier family, depth and whether colours are exchanged as well; of a detector the share of mosaics.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from contract.manifest import Task
from trainer.detection.resolving import more_of
from trainer.settings import PRETRAINED, Augmentation, Family, Suggestion, TrainConfig, exchanging_colours

WIDTHS = (0.25, 0.35, 0.5, 0.75, 1.0, 1.5)
DEEPEST = 3
SIZES = (0.5, 0.75, 1.0, 1.5)
"""Times the size the pictures suggest; one said in the settings stays."""
STRENGTH = (0.0, 1.5)
"""Of the augmentation the pictures suggest, or the settings say."""
LEARNING_RATE = (5e-4, 1e-2)
_STEP, _SMALLEST = 16, 32
_MOST = {"rotation_degrees": 180.0, "zoom": 2.0, "crop": 2.0, "contrast": 2.0, "stretch": 1.0, "brightness": 1.0}
MOSAIC = (0.0, 1.0)
"""Of a detector's training pictures."""
_COLOURS = ("kept", "exchanged")
_NEARLY_ALL = 0.99
"""The most of a share that must stay below 1."""


class Space(Struct, frozen=True, kw_only=True):
    """The choices of one search; equal ones may go on in one study."""

    task: Task = "classify"
    families: tuple[Family, ...]
    """None of a detector, which has one."""
    sizes: tuple[tuple[int, int], ...]
    widths: tuple[float, ...] = WIDTHS
    deepest: int = DEEPEST
    exchange: bool = False
    """Whether colours are exchanged in some trials."""


def space_for(config: TrainConfig, suggestion: Suggestion, families: tuple[Family, ...]) -> Space:
    """Of `config` on pictures that suggest `suggestion`."""
    in_colour = (config.preprocessing or suggestion.preprocessing).colour != "grey"
    return Space(
        families=families, sizes=_sizes(config, suggestion), exchange=in_colour and config.augmentation is None
    )


def detector_space(config: TrainConfig, suggestion: Suggestion) -> Space:
    """The same for detectors."""
    return Space(task="detect", families=(), sizes=_sizes(config, suggestion), deepest=1)


def _sizes(config: TrainConfig, suggestion: Suggestion) -> tuple[tuple[int, int], ...]:
    if config.preprocessing is not None:
        return (config.preprocessing.size_wh,)
    width, height = suggestion.preprocessing.size_wh
    return tuple(dict.fromkeys((_multiple(width * times), _multiple(height * times)) for times in SIZES))


def drawn(trial: Any, space: Space, config: TrainConfig, suggestion: Suggestion) -> TrainConfig:
    """The settings an Optuna `trial` draws from `space`; everything else is `config`'s."""
    family: Family = trial.suggest_categorical("family", list(space.families))
    weights = config.network.weights if family == config.network.family else ""
    network = msgspec.structs.replace(
        config.network,
        family=family,
        # Weights from elsewhere fit one width.
        width=config.network.width if weights else trial.suggest_categorical("width", list(space.widths)),
        depth=trial.suggest_int("depth", 1, space.deepest) if family not in PRETRAINED else 1,
        weights=weights,
        chosen=True,
    )
    return _with_training(msgspec.structs.replace(config, network=network), trial, space, suggestion)


def drawn_detector(trial: Any, space: Space, config: TrainConfig, suggestion: Suggestion) -> TrainConfig:
    """The same of a detector; its stride is settled by others."""
    width = trial.suggest_categorical("width", list(space.widths))
    config = msgspec.structs.replace(
        config,
        network=msgspec.structs.replace(config.network, width=width, chosen=True),
        detection=msgspec.structs.replace(more_of(config), mosaic=trial.suggest_float("mosaic", *MOSAIC)),
    )
    return _with_training(config, trial, space, suggestion)


def _with_training(config: TrainConfig, trial: Any, space: Space, suggestion: Suggestion) -> TrainConfig:
    """`config` with what is drawn whatever the task."""
    sizes = {f"{width}x{height}": (width, height) for width, height in space.sizes}
    size = sizes[trial.suggest_categorical("size", list(sizes))]
    augmentation = scaled(
        config.augmentation or suggestion.augmentation, trial.suggest_float("augmentation", *STRENGTH)
    )
    if space.exchange and trial.suggest_categorical("colours", list(_COLOURS)) == "exchanged":
        augmentation = exchanging_colours(augmentation)
    rate = trial.suggest_float("learning_rate", *LEARNING_RATE, log=True)
    return msgspec.structs.replace(
        config,
        preprocessing=msgspec.structs.replace(config.preprocessing or suggestion.preprocessing, size_wh=size),
        training=msgspec.structs.replace(config.training, learning_rate=rate),
        augmentation=augmentation,
    )


def scaled(augmentation: Augmentation, strength: float) -> Augmentation:
    """`augmentation` that many times as strong, within what each key allows; mirroring stays unless it is 0."""
    found: dict[str, Any] = {}
    for name, value in msgspec.structs.asdict(augmentation).items():
        if name == "flip":
            found[name] = bool(value) and strength > 0
        else:
            found[name] = round(min(value * strength, _MOST.get(name, _NEARLY_ALL)), 4)
    return Augmentation(**found)


def _multiple(side: float) -> int:
    return max(_SMALLEST, round(side / _STEP) * _STEP)
