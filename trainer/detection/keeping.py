"""How far a detector's training has come: written now and then, and put back, as `--resume` asks for it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trainer.learning.best_epoch import Weights
from trainer.learning.checkpoints import Checkpoints, Position
from trainer.learning.keeping import assign

_LOSS, _LOOKS = "loss", "val_map"
"""Of a checkpoint's history: a value an epoch; None where nobody looked."""


@dataclass(slots=True)
class Course:
    """What a training has come to so far."""

    epoch: int = 0
    """Epochs that are over."""
    step: int = 0
    """Steps of the next one that are done."""
    loss: tuple[float, ...] = ()
    """Of each epoch."""
    looks: dict[int, float] = field(default_factory=dict)
    """mAP50-95 on the validation split by epoch, from 1."""
    best_epoch: int = 0
    """Whose weights are the best ones, from 1; of equals the later one."""
    best: Weights = field(default_factory=list)
    begun: float = field(default_factory=time.monotonic)
    """When it would have begun, had it never been interrupted."""

    def seen(self, epoch: int, value: float, weights: Weights) -> None:
        """The validation split was looked at after `epoch`."""
        if not self.looks or value >= max(self.looks.values()):
            self.best_epoch, self.best = epoch, weights
        self.looks[epoch] = value

    def ended(self, loss: float) -> None:
        """An epoch is over."""
        self.epoch, self.step, self.loss = self.epoch + 1, 0, (*self.loss, loss)

    @property
    def last_look(self) -> float:
        """What was seen last; NaN before the first time."""
        return self.looks[max(self.looks)] if self.looks else math.nan

    @property
    def seconds(self) -> float:
        """Of training, in all its parts."""
        return time.monotonic() - self.begun


class Keeping:
    """Saves a `course` and the `variables` it hangs on to `checkpoints` when it is due; without any it does nothing."""

    def __init__(self, checkpoints: Checkpoints | None, variables: Sequence[Any], course: Course) -> None:
        self._checkpoints, self._variables, self._course = checkpoints, variables, course

    def resume(self) -> None:
        """Put back what an interrupted training left."""
        found = self._checkpoints.load() if self._checkpoints else None
        if found is None:
            return
        position, arrays = found
        course = self._course
        assign(self._variables, arrays["state"])
        course.epoch, course.step = position.epoch, position.step
        course.loss = tuple(value for value in position.history[_LOSS] if value is not None)
        looks = enumerate(position.history[_LOOKS], 1)
        course.looks = {epoch: value for epoch, value in looks if value is not None}
        course.best_epoch, course.best = position.best_epoch, arrays["best"]
        course.begun = time.monotonic() - position.seconds

    def save_when_due(self) -> None:
        """After each step and each epoch."""
        if self._checkpoints is None or not self._checkpoints.is_due():
            return
        course = self._course
        position = Position(
            epoch=course.epoch,
            step=course.step,
            seconds=course.seconds,
            best_epoch=course.best_epoch,
            history={
                _LOSS: course.loss,
                _LOOKS: tuple(course.looks.get(epoch) for epoch in range(1, course.epoch + 1)),
            },
        )
        state = [np.array(variable.numpy()) for variable in self._variables]
        self._checkpoints.save(position, {"state": state, "best": course.best})
