"""What one task does its own way when a run is trained on: `classifiers.py` and `detectors.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from trainer.detection.record import AnyRecord
from trainer.retraining.gathered import Gathered
from trainer.retraining.picture_kind import D, P, PictureKind
from trainer.retraining.replacement import SetCompared
from trainer.retraining.settings import Retraining
from trainer.run_folder import Run
from trainer.settings import Resolved

R = TypeVar("R", bound=AnyRecord)


@dataclass(frozen=True, slots=True)
class Task(Generic[P, D, R]):
    """Pictures P, a dataset D of them, and a record R of its training."""

    pictures: PictureKind[P, D]
    train: Callable[..., R]
    """`trainer.training.train_prepared`, or its like."""
    summary: Callable[[Path, R], msgspec.Struct]
    """What is printed about the run in a folder."""
    warm: Callable[[Run, int], Any]
    """The base's Keras model, answering so many classes; called when TensorFlow is ready."""
    compared: Callable[[Run, Gathered[D], Resolved, Path], tuple[SetCompared, ...]]
    """The base and the model in a file, on the test sets there are."""
    rule: Callable[[Retraining], str]
    """By which the new model may be refused, in words."""
