"""What a training measured and with what: `metrics.json`, and what card and report are made of."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Literal

from msgspec import UNSET, UnsetType

from contract.manifest import Share
from contract.reference import Reference
from contract.run import Metrics
from trainer.architecture.budget import Prediction
from trainer.data.dataset import DatasetRecord
from trainer.measurement.measures import Evaluation
from trainer.quantization_aware.verdict import QuantizationAware
from trainer.settings import Resolved

if TYPE_CHECKING:
    from trainer.retraining.answers_compared import AnswersCompared
    from trainer.retraining.replacement import Replacement

_SOFTWARE = (
    "edgeferry",
    "tensorflow",
    "tensorflow-cpu",
    "keras",
    "numpy",
    "opencv-python-headless",
    "scikit-learn",
    "pycocotools",
)


class TrainingMetrics(Metrics, frozen=True, kw_only=True):
    """`metrics.json`: what the contract asks for, and what a person wants to know beside it."""

    accuracy_range: tuple[Share, Share]
    """The 95 % interval of the accuracy, from the number of test pictures alone."""
    parameters: int
    """Numbers in the model, batch statistics included."""
    kept_epoch: int
    """Whose weights were kept, from 1."""
    pictures_per_s: float
    """Training pictures a second, validation included in the time."""
    history: dict[str, tuple[float, ...]]
    """One value an epoch of `loss`, `accuracy`, `val_loss`, `val_accuracy`; training values are of changed pictures."""
    software: dict[str, str]
    """Versions this was trained with."""
    machine: str
    """Kind of processor and system."""
    predicted: dict[str, Prediction] = {}
    """What it would cost, by the profile of each budget it was trained for."""
    goals: Literal["met", "missed"] | None = None
    """Whether the model reaches what `[goals]` asked; None where nothing was asked."""
    evaluation: Evaluation | None = None
    """Every figure of the test split with its interval; None in runs older than that."""
    quantization_aware: QuantizationAware | UnsetType = UNSET
    """What came of learning with the rounding of int8; absent where that was off."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A test picture the model got wrong."""

    name: str
    truth: str
    answer: str
    score: float
    """Of the wrong answer, 0..1."""
    png: bytes
    """The fitted picture."""
    saliency: bytes = b""
    """PNG of the same picture with what spoke for the answer lit up; empty where that is not known."""


@dataclass(frozen=True, slots=True)
class Record:
    """A finished training."""

    settings: Resolved
    dataset: DatasetRecord
    metrics: TrainingMetrics
    reference: Reference
    mistakes: tuple[Mistake, ...]
    """The surest ones first."""
    right: tuple[Mistake, ...] = ()
    """A few answered rightly, for comparison."""
    comparison: Replacement[AnswersCompared] | None = None
    """With the run it was trained on from."""


def software() -> dict[str, str]:
    """Name and version of what a training rests on, as far as it is installed."""
    installed = {found.metadata["Name"].replace("_", "-"): found.version for found in metadata.distributions()}
    versions = {name: installed[name] for name in _SOFTWARE if name in installed}
    return {"python": platform.python_version(), **versions}


def machine() -> str:
    """For example `x86_64 Linux`."""
    return f"{platform.machine()} {platform.system()}"
