"""`train.toml`: every decision of a training, read strictly, and written back with nothing left open.

A person writes the few keys that matter; `None` here means "as the pictures suggest" and is settled by `resolve`
before the first picture is shown to the network. The run keeps the resolved file, so the same file trains the same
model again. What converters read of it is `contract.run.Settings`, whose keys stand at the top level.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from contract.codec import from_toml
from contract.errors import ConfigError
from contract.manifest import ModelName, Positive, Preprocessing, Share, Task

SCHEMA = 1
TASKS: tuple[Task, ...] = ("classify",)
"""What can be trained so far."""
_PICTURES_SHOWN = 40_000
"""How many pictures a training shows in all when nobody says `epochs`; chosen on digits and on photographs."""
_EPOCHS = (20, 120)
"""Never fewer and never more than these unless somebody says so."""
_BATCH, _SMALL_BATCH, _FEW = 32, 16, 1000
"""Pictures a step; the smaller number below so many training pictures."""

_LARGEST = 4096
"""Pixels each way of a model's input; no device here could run more."""
Epochs = Annotated[int, Meta(ge=1, le=100_000)]
Threads = Annotated[int, Meta(ge=1, le=256)]
NotNegative = Annotated[float, Meta(ge=0.0)]
Fraction = Annotated[float, Meta(ge=0.0, lt=1.0)]


class InputSettings(Preprocessing, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[preprocessing]`: contract.manifest.Preprocessing, with a misspelt key refused."""


class DataSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[data]`: how pictures become three splits, class by class."""

    validation_share: Annotated[float, Meta(gt=0.0, lt=0.5)] = 0.1
    """Watched while training and for nothing else; a share of the training pictures, where no such split is given."""
    test_share: Annotated[float, Meta(gt=0.0, lt=0.5)] = 0.2
    """Measured once, after training; a share of all, used where the data has neither a test nor a validation folder."""
    skip_unreadable: bool = False
    """Train without the pictures that cannot be read instead of refusing."""
    max_unreadable_share: Share = 0.1
    """Refused above this share even with `skip_unreadable`: then something else is wrong."""


class NetworkSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[network]`: the size of the network in `trainer/networks.py`."""

    width: Annotated[float, Meta(gt=0.0, le=8.0)] = 1.0
    """Multiplies the channels of every layer; they stay multiples of 8."""
    dropout: Fraction = 0.2
    """Share of the features hidden from the last layer while training."""


class TrainingSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[training]`: the way to the weights."""

    epochs: Epochs | None = None
    """Passes over the training pictures; None for as many as show some 40,000 pictures, 20 to 120."""
    batch: Positive | None = None
    """Pictures a step; None for 32, or 16 below 1,000 training pictures, which gives these more steps."""
    learning_rate: Annotated[float, Meta(gt=0.0, le=10.0)] = 3e-3
    """Highest rate: reached after a tenth of the steps, then down to zero along a cosine."""
    weight_decay: NotNegative = 1e-2
    """Decoupled, as AdamW has it."""
    label_smoothing: Fraction = 0.1
    """Share of the target spread over all classes."""
    patience: Positive | None = None
    """Epochs without a lower validation loss before stopping; None for half of `epochs`, at least 5, and for all of
    them below 1,000 training pictures: with so few to validate on, an early minimum is luck (seen: epoch 18 of 120)."""
    class_weights: Literal["auto", "off"] = "auto"
    """`auto` weighs pictures by the rarity of their class where the largest class is over 1.5 times the smallest."""
    threads: Threads | None = None
    """Of TensorFlow; None for all cores this process may use. Another number gives slightly other weights."""


class Augmentation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[augmentation]`: how far each training picture is changed at random; all zeros for not at all."""

    rotation_degrees: Annotated[float, Meta(ge=0.0, le=180.0)] = 0.0
    """Turned by up to this much either way."""
    shift: Fraction = 0.0
    """Moved by up to this share of the width and of the height."""
    zoom: Annotated[float, Meta(ge=0.0, le=2.0)] = 0.0
    """Enlarged or shrunk by a factor between exp(-zoom) and exp(zoom)."""
    crop: Annotated[float, Meta(ge=0.0, le=2.0)] = 0.0
    """Enlarged further by a factor between 1 and exp(crop): a random crop."""
    stretch: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.0
    """Width over height changed by a factor between exp(-stretch) and exp(stretch)."""
    flip: bool = False
    """Half of the pictures mirrored left to right."""
    brightness: Share = 0.0
    """Up to this share of the full range added or taken away."""
    contrast: Annotated[float, Meta(ge=0.0, le=2.0)] = 0.0
    """Contrast changed by a factor between exp(-contrast) and exp(contrast)."""
    colour: Fraction = 0.0
    """Each channel multiplied by a factor of its own between 1 - colour and 1 + colour."""


FOR_DIGITS = Augmentation(rotation_degrees=12.0, shift=0.1, zoom=0.12)
"""Never flipped: a mirrored 2 is no digit."""
FOR_PHOTOGRAPHS = Augmentation(
    rotation_degrees=15.0, shift=0.1, zoom=0.1, crop=0.3, stretch=0.15, flip=True,
    brightness=0.2, contrast=0.35, colour=0.15,
)  # fmt: skip


class TrainConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of `train.toml`."""

    schema: int = SCHEMA
    name: ModelName | None = None
    """What the model will be called; None for the name of the folder the run is written to."""
    task: Task = "classify"
    seed: Annotated[int, Meta(ge=0, lt=2**31)] = 0
    """Decides splits, first weights, order and augmentation."""
    preprocessing: InputSettings | None = None
    """None for what the pictures suggest: 96x96 RGB for photographs, 32x32 grey for the digits."""
    data: DataSettings = DataSettings()
    network: NetworkSettings = NetworkSettings()
    training: TrainingSettings = TrainingSettings()
    augmentation: Augmentation | None = None
    """None for what the pictures suggest."""


class ResolvedTraining(TrainingSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[training]` with nothing left open."""

    epochs: Epochs
    batch: Positive
    patience: Positive
    threads: Threads


class Resolved(TrainConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`train.toml` as a run keeps it: nothing left open."""

    name: ModelName
    preprocessing: InputSettings
    training: ResolvedTraining
    augmentation: Augmentation


class Suggestion(Struct, frozen=True, kw_only=True):
    """What a kind of pictures is usually trained with."""

    preprocessing: InputSettings
    augmentation: Augmentation


def load_config(path: Path | None) -> TrainConfig:
    """The settings in `path`, or the defaults; ConfigError names the key and the line of what is wrong."""
    if path is None:
        return TrainConfig()
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise ConfigError(
            f"the settings cannot be read: {problem.strerror}", where=str(path), fix="Name a train.toml that exists."
        ) from problem
    config = from_toml(data, TrainConfig, where=str(path), error=ConfigError)
    return checked(config, where=str(path))


def overridden(
    config: TrainConfig,
    *,
    task: Task | None = None,
    epochs: int | None = None,
    seed: int | None = None,
    threads: int | None = None,
    name: str | None = None,
    skip_unreadable: bool = False,
) -> TrainConfig:
    """`config` with what was said on the command line in its place; ConfigError where that makes no sense."""
    written = msgspec.to_builtins(config)
    written |= {key: value for key, value in (("task", task), ("seed", seed), ("name", name)) if value is not None}
    written["training"] |= {
        key: value for key, value in (("epochs", epochs), ("threads", threads)) if value is not None
    }
    written["data"]["skip_unreadable"] |= skip_unreadable
    try:
        changed = msgspec.convert(written, TrainConfig)
    except msgspec.ValidationError as problem:
        raise ConfigError(str(problem), where="command line", fix="Names are lower case: a-z, 0-9, . _ -") from problem
    return checked(changed, where="command line")


def checked(config: TrainConfig, *, where: str) -> TrainConfig:
    """`config` if its keys agree with each other and with what can be trained; ConfigError otherwise."""
    if config.schema > SCHEMA:
        raise ConfigError(f"schema {config.schema} is newer than {SCHEMA}", where=where, fix="Update edgeferry.")
    if config.task not in TASKS:
        raise ConfigError(
            f"training for task {config.task!r} is not there yet", where=where, fix=f"Use one of: {', '.join(TASKS)}."
        )
    prep = config.preprocessing
    if prep is not None:
        _check_preprocessing(prep, where)
    return config


def _check_preprocessing(prep: Preprocessing, where: str) -> None:
    channels = channels_of(prep)
    for key, values in (("mean", prep.mean), ("std", prep.std)):
        if len(values) not in (1, channels):
            raise ConfigError(
                f"{key} has {len(values)} values for {channels} channels", where=where, fix=f"Give 1 or {channels}."
            )
    if not all(prep.std):
        raise ConfigError("a std of zero divides by zero", where=where, fix="Give the spread of the pixel values.")
    if prep.layout != "nhwc":
        raise ConfigError(
            f"layout {prep.layout!r} cannot be trained", where=where, fix="Leave layout out: Keras models are nhwc."
        )
    if min(prep.size_wh) < 8:
        raise ConfigError(f"{prep.size_wh} is too small a picture", where=where, fix="Use at least 8 by 8 pixels.")
    if max(prep.size_wh) > _LARGEST:
        raise ConfigError(f"{prep.size_wh} is too large a picture", where=where, fix=f"Use at most {_LARGEST} pixels.")


def resolve(config: TrainConfig, *, name: str, suggestion: Suggestion, train_pictures: int) -> Resolved:
    """`config` with every None replaced: what the run is trained with and keeps as its `train.toml`."""
    training = config.training
    few = train_pictures < _FEW
    shortest, longest = _EPOCHS
    epochs = training.epochs or min(longest, max(shortest, -(-_PICTURES_SHOWN // train_pictures)))
    filled = {
        **msgspec.structs.asdict(training),
        "epochs": epochs,
        "batch": min(training.batch or (_SMALL_BATCH if few else _BATCH), train_pictures),
        "patience": training.patience or (epochs if few else max(5, epochs // 2)),
        "threads": training.threads or usable_cores(),
    }
    return Resolved(
        name=config.name or name,
        task=config.task,
        seed=config.seed,
        preprocessing=config.preprocessing or suggestion.preprocessing,
        data=config.data,
        network=config.network,
        training=ResolvedTraining(**filled),
        augmentation=config.augmentation or suggestion.augmentation,
    )


def parse_resolved(data: bytes, *, where: str) -> Resolved:
    """The `train.toml` of a run."""
    return from_toml(data, Resolved, where=where, error=ConfigError)


def to_toml(settings: Resolved) -> bytes:
    """The text of `train.toml`."""
    return msgspec.toml.encode(settings)


def channels_of(prep: Preprocessing) -> int:
    """Of a fitted picture: 1 for grey, 3 otherwise."""
    return 1 if prep.colour == "grey" else 3


def usable_cores() -> int:
    """Cores this process may run on: fewer than the machine has inside a container or under taskset."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
