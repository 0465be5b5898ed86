"""What one task does its own way when a run is trained on: `classifiers.py` and `detectors.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import msgspec

from trainer.data.dataset import DatasetRecord
from trainer.retraining.gathered import Gathered
from trainer.retraining.picture_kind import D, P, PictureKind
from trainer.retraining.replacement import Replacement, SetCompared
from trainer.retraining.settings import Retraining
from trainer.run_folder import Run
from trainer.settings import Resolved


class Finished(Protocol):
    """The record of a training, a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def metrics(self) -> Any:
        """With `weights`."""

    @property
    def dataset(self) -> DatasetRecord:
        """What it was trained on."""

    @property
    def comparison(self) -> Replacement[Any] | None:
        """With the run it was trained on from."""


R = TypeVar("R", bound=Finished)


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
