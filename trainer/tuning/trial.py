"""One trial: train on the training split, watch the validation split, give up where earlier trials were better by then.

Runs in a process of its own, on this machine or on another: what it needs comes as one message, what it finds goes back
as one. The course of the validation accuracy goes to Optuna's storage epoch by epoch (a detector's mAP50-95 look by
look), where every trial can see it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from contract.codec import from_json
from contract.errors import ConfigError, FerryError
from trainer.settings import TrainConfig
from trainer.tuning.study import Pruner, optuna, pruner_of, study_in


class TrialTask(Struct, frozen=True, kw_only=True):
    """What a trial is to do."""

    text: str
    """The pictures, as `edgeferry train` takes them."""
    config: TrainConfig
    storage: str
    trial_id: int
    """Optuna's, of the storage."""
    pruner: Pruner
    epochs: int


class Outcome(Struct, frozen=True, kw_only=True):
    """What became of it."""

    state: Literal["complete", "pruned", "failed"]
    accuracy: float | None = None
    """On the validation split, of the weights that would be kept; mAP50-95 of a detector."""
    epochs: int = 0
    seconds: float = 0.0
    cause: str = ""


class GiveUpError(Exception):
    """Raised through `on_epoch`: this trial falls behind."""


def run_trial(message: bytes) -> Outcome:
    """The outcome of the TrialTask in `message`; what a person may see as an error is a failed one."""
    task = from_json(message, TrialTask, where="trial", error=ConfigError)
    try:
        return _run(task)
    except FerryError as problem:
        return Outcome(state="failed", cause=f"{problem.what} [{problem.where}]")


def _run(task: TrialTask) -> Outcome:
    from trainer.tuning.learning import learn

    watched = Watched(task)
    try:
        learnt = learn(task.text, task.config, watched)
    except GiveUpError:
        return Outcome(state="pruned", epochs=watched.epochs, accuracy=watched.best, cause="behind earlier trials")
    return Outcome(state="complete", accuracy=learnt.accuracy, epochs=learnt.epochs, seconds=round(learnt.seconds, 1))


class Watched:
    """An `OnEpoch` that reports to the storage, and raises where the pruner says so."""

    def __init__(self, task: TrialTask) -> None:
        self._storage = optuna().storages.RDBStorage(task.storage)
        self._study = study_in(self._storage)
        self._pruner: Any = pruner_of(task.pruner, task.epochs)
        self._id = task.trial_id
        self._task = task
        self.epochs, self.best = 0, 0.0

    def __call__(self, epoch: int, logs: Mapping[str, float]) -> None:
        self.epochs = epoch
        name = _measured(self._task, epoch)
        if name is None:
            return
        value = float(logs[name])
        self.best = max(self.best, value)
        self._storage.set_trial_intermediate_value(self._id, epoch, value)
        behind = self._pruner.prune(self._study, self._storage.get_trial(self._id))
        # Hyperband would give up after the last epoch too: then nothing is saved, and a result is lost.
        if behind and epoch < self._task.epochs:
            raise GiveUpError


def _measured(task: TrialTask, epoch: int) -> str | None:
    """Which of the figures of `epoch` a trial is judged by; None where it was not measured anew."""
    if task.config.task == "classify":
        return "val_accuracy"
    from trainer.detection.fitting import look_epochs

    return "val_map" if epoch in look_epochs(task.epochs) else None
