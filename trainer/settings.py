"""`train.toml`: every decision of a training, read strictly, and written back with nothing left open.

A person writes the few keys that matter; `None` here means "as the pictures suggest" and is settled by `resolve`
before the first picture is shown to the network. The run keeps the resolved file, so the same file trains the same
model again. What converters read of it is `contract.run.Settings`, whose keys stand at the top level.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from contract.codec import from_toml
from contract.decoding import DetectGrid
from contract.errors import ConfigError
from contract.manifest import ModelName, Positive, Preprocessing, Share, Task
from trainer.architecture.budget import Budget
from trainer.detection.settings import DetectionSettings
from trainer.measurement.evaluation_settings import EvaluationSettings
from trainer.quantization_aware.settings import QuantizationSettings
from trainer.retraining.settings import Retraining
from trainer.statements import Statements

SCHEMA = 1
TASKS: tuple[Task, ...] = ("classify", "detect")
"""What can be trained so far."""
_PICTURES_SHOWN = 40_000
"""How many pictures a training shows in all when nobody says `epochs`; chosen on digits and on photographs."""
_EPOCHS = (20, 120)
"""Never fewer and never more than these unless somebody says so."""
_BATCH, _SMALL_BATCH, _FEW = 32, 16, 1000
"""Pictures a step; the smaller number below so many training pictures."""
_DECAY, _STRONG_DECAY = 1e-2, 1.0

_LARGEST = 4096
"""Pixels each way of a model's input; no device here could run more."""
Epochs = Annotated[int, Meta(ge=1, le=100_000)]
Threads = Annotated[int, Meta(ge=1, le=256)]
NotNegative = Annotated[float, Meta(ge=0.0)]
Fraction = Annotated[float, Meta(ge=0.0, lt=1.0)]
Family = Literal["residual", "mobile", "mobilenet_v1", "mobilenet_v2"]
PRETRAINED: tuple[Family, ...] = ("mobilenet_v1", "mobilenet_v2")
"""Families that may begin with somebody's weights, and have a fixed depth."""


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
    split_by: Literal["random", "group", "time"] = "random"
    """How missing splits are made: drawn; drawn, and every picture's group must be known; or the newest are tested.
    Pictures whose group is known stay together in each case."""
    group_by: str = "group"
    """Column whose value is the group: a person, a camera, a day."""
    time: str = "time"
    """Column with the time of each picture, ISO 8601 or seconds since 1970."""
    near_duplicates: Literal["together", "ignore"] = "together"
    """Whether near copies, such as the same picture recompressed, stay in one split when splits are made."""
    in_memory_mib: Annotated[int, Meta(ge=0)] = 2048
    """Fitted pictures that take more lie in a temporary file, of which the system holds what it has room for."""


class NetworkSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[network]`: which of the networks in `trainer/architecture/networks.py`, and its size."""

    family: Family = "residual"
    width: Annotated[float, Meta(gt=0.0, le=8.0)] = 1.0
    """Multiplies the channels of every layer; they stay multiples of 8."""
    depth: Annotated[int, Meta(ge=1, le=8)] = 1
    """Blocks a stage; of residual and mobile."""
    weights: str = ""
    """Where mobilenet_v1 and mobilenet_v2 begin: a weights file, or `imagenet`, or nothing for random ones."""
    frozen_share: Fraction = 0.3
    """With `weights`: the share of the epochs in which only the last layer learns, before all do."""
    fine_tuning_rate: Annotated[float, Meta(gt=0.0, le=1.0)] = 0.1
    """With `weights`: what the learning rate is multiplied by once all layers learn."""
    chosen: bool = False
    """Written by a training that chose width, depth and size for its budget: they stay, and are only checked."""
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
    weight_decay: NotNegative | None = None
    """Of kernels, times the learning rate (decoupled, as AdamW has it). None for 0.01, or for 1 where a classifier
    begins at random and has below 1,000 training pictures: so few are learnt by heart otherwise (measured)."""
    label_smoothing: Fraction = 0.1
    """Share of the target spread over all classes."""
    patience: Positive | None = None
    """Epochs without a lower validation loss before stopping; None for half of `epochs`, at least 5, and for all of
    them below 1,000 training pictures: with so few to validate on, an early minimum is luck (seen: epoch 18 of 120)."""
    class_weights: Literal["auto", "off"] = "auto"
    """`auto` weighs pictures by the rarity of their class where the largest class is over 1.5 times the smallest."""
    threads: Threads | None = None
    """Of TensorFlow; None for all cores this process may use. Another number gives slightly other weights."""
    ema: Fraction = 0.0
    """Decay of a running average that is measured and kept instead of the weights, say 0.99; 0 for none. Off, because
    the cosine ends with steps so small that the average of the last weights is the last weights (measured)."""
    precision: Literal["auto", "float32", "mixed_float16"] = "auto"
    """`auto` computes in 16 bits where there is a GPU; the model kept is float32 either way."""
    devices: Annotated[int, Meta(ge=1, le=64)] | Literal["auto"] = "auto"
    """Among how many a batch is shared out; `auto` for all GPUs that take equal shares, or for the processor."""
    checkpoint_seconds: NotNegative = 30.0
    """Of training that an interruption may cost (more where writing takes long); 0 for no checkpoints."""
    tensorboard: str = ""
    """Folder for TensorBoard's event files; empty for none."""
    teacher: str | UnsetType = UNSET
    """A run folder whose scores for each training picture are targets too; it has the same labels."""
    teacher_temperature: Annotated[float, Meta(ge=1.0, le=100.0)] = 4.0
    """Softens the scores of both, which shows what the teacher thinks of the other classes."""
    teacher_weight: Share = 0.5
    """Share of the loss that is the teacher's."""


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
    hue: Share = 0.0
    """Colours turned about the axis of greys by up to this share of half a turn; 1 for any hue."""
    greyscale: Share = 0.0
    """Share of the pictures shown without colour."""
    negative: Share = 0.0
    """Share of the pictures shown as negatives."""


FOR_DIGITS = Augmentation(rotation_degrees=12.0, shift=0.1, zoom=0.12)
"""Never flipped: a mirrored 2 is no digit."""
FOR_PHOTOGRAPHS = Augmentation(
    rotation_degrees=15.0, shift=0.1, zoom=0.1, crop=0.3, stretch=0.15, flip=True,
    brightness=0.2, contrast=0.35, colour=0.15,
)  # fmt: skip


def exchanging_colours(how: Augmentation) -> Augmentation:
    """`how` for things that are told by their shape alone: shown in any hue, without colours, and as negatives."""
    return msgspec.structs.replace(how, hue=1.0, greyscale=0.3, negative=0.3)


class TrackingSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[tracking]`: where runs are written beside their folder."""

    mlflow: str = ""
    """A URI of MLflow: http://HOST:5000, sqlite:///FILE or a folder's path; nothing for nowhere."""


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
    budget: tuple[Budget, ...] = ()
    """What the model may cost on devices; without `network.chosen` it decides width, depth and, where open, size."""
    training: TrainingSettings = TrainingSettings()
    augmentation: Augmentation | None = None
    """None for what the pictures suggest."""
    evaluation: EvaluationSettings = EvaluationSettings()
    goals: dict[str, Any] = {}
    """What the model must reach: `trainer/measurement/goals.py`."""
    quantization: QuantizationSettings = QuantizationSettings()
    detection: DetectionSettings | UnsetType = UNSET
    """Of a detector alone."""
    decoding: DetectGrid | UnsetType = UNSET
    """What a detector's outputs mean: written by a training, for converters, and measured anew by the next."""
    card: Statements = Statements()
    retraining: Retraining = Retraining()
    tracking: TrackingSettings = TrackingSettings()


class ResolvedTraining(TrainingSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[training]` with nothing left open."""

    epochs: Epochs
    batch: Positive
    weight_decay: NotNegative
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


def checked(config: TrainConfig, *, where: str) -> TrainConfig:
    """`config` if its keys agree with each other and with what can be trained; ConfigError otherwise."""
    if config.schema > SCHEMA:
        raise ConfigError(f"schema {config.schema} is newer than {SCHEMA}", where=where, fix="Update edgeferry.")
    if config.task not in TASKS:
        raise ConfigError(
            f"training for task {config.task!r} is not there yet", where=where, fix=f"Use one of: {', '.join(TASKS)}."
        )
    if config.quantization.aware != "off" and config.task != "classify":
        raise ConfigError(
            f"task {config.task!r} cannot be trained quantisation-aware yet",
            where=where,
            fix="Leave out [quantization], or --quantization-aware.",
        )
    if config.task == "detect":
        _check_detector(config, where)
    prep = config.preprocessing
    if prep is not None:
        _check_preprocessing(prep, where)
    _check_network(config.network, where)
    return config


def _check_detector(config: TrainConfig, where: str) -> None:
    """ConfigError for what only classifiers have, rather than leaving it out unsaid."""
    network = config.network
    idle = {
        "training.teacher": config.training.teacher is not UNSET,
        "network.family": network.family != "residual",
        "network.weights": bool(network.weights),
        "network.depth": network.depth != 1,
    }
    for key, given in idle.items():
        if given:
            raise ConfigError(
                f"{key} is for classifiers alone", where=where, fix="Leave it out, or use --task classify."
            )


def _check_network(network: NetworkSettings, where: str) -> None:
    if network.family in PRETRAINED:
        if network.depth != 1:
            raise ConfigError(f"{network.family} has one depth", where=where, fix="Leave network.depth out.")
    elif network.weights:
        raise ConfigError(
            f"there are no weights to begin {network.family} with",
            where=where,
            fix=f"Leave network.weights out, or use family {' or '.join(PRETRAINED)}.",
        )


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
        "weight_decay": _weight_decay(config, few=few),
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
        budget=config.budget,
        tracking=config.tracking,
        training=ResolvedTraining(**filled),
        augmentation=config.augmentation or suggestion.augmentation,
        evaluation=config.evaluation,
        goals=config.goals,
        quantization=config.quantization,
        card=config.card,
        retraining=config.retraining,
    )


def _weight_decay(config: TrainConfig, *, few: bool) -> float:
    if config.training.weight_decay is not None:
        return config.training.weight_decay
    at_random = config.task == "classify" and not config.network.weights
    return _STRONG_DECAY if few and at_random else _DECAY


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
