"""What a detector's training measured and with what: `metrics.json`, and what its card and report are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from contract.reference import Reference
from contract.run import DetectionMetrics
from trainer.architecture.budget import Prediction
from trainer.detection.dataset import BoxesRecord
from trainer.measurement.measures import GoalTable
from trainer.record import Record
from trainer.settings import Resolved

if TYPE_CHECKING:
    from trainer.retraining.boxes_compared import BoxesCompared
    from trainer.retraining.replacement import Replacement


class DetectorMetrics(DetectionMetrics, frozen=True, kw_only=True):
    """`metrics.json`: what the contract asks for, and what a person wants to know beside it."""

    parameters: int
    """Numbers in the model, batch statistics included."""
    kept_epoch: int
    """Whose averaged weights were kept, from 1."""
    pictures_per_s: float
    """Training pictures a second, looks at the validation split included in the time."""
    loss: tuple[float, ...]
    """Of each epoch, of changed pictures."""
    looks: tuple[tuple[int, float], ...]
    """Epoch and mAP50-95 on the validation split, each time it was looked at."""
    validation_map50_95: float
    software: dict[str, str]
    machine: str
    predicted: dict[str, Prediction] = {}
    """What it would cost, by the profile of each budget and each goal."""
    goals: GoalTable | None = None
    """What became of `[goals]`; None where nothing was asked."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A test picture with the boxes of truth and model drawn into it."""

    name: str
    marked: int
    found: int
    right: int
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class DetectorRecord:
    """A finished training."""

    settings: Resolved
    dataset: BoxesRecord
    metrics: DetectorMetrics
    reference: Reference
    curves: dict[str, tuple[float, ...]]
    """By label: precision at the recalls 0, 0.01 … 1 and an overlap of 0.5."""
    shown: tuple[Shown, ...]
    """Worst first, then some of the best."""
    comparison: Replacement[BoxesCompared] | None = None
    """With the run it was trained on from."""


AnyRecord = Record | DetectorRecord
"""A finished training of either task: what can be said of both is said by the same code."""
