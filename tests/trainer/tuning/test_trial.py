"""A trial that falls behind is ended by the pruner in the middle of its training, whatever the task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contract.codec import to_json
from tests.trainer.detection.drawn_boxes import SIZE_WH, drawn_on_disk
from tests.trainer.drawn_pictures import draw
from tests.trainer.tensorflow_marks import WITH_TENSORFLOW
from trainer.settings import InputSettings, NetworkSettings, TrainConfig, TrainingSettings, usable_cores
from trainer.tuning.study import Pruner, open_study, storage_url
from trainer.tuning.trial import GiveUpError, Outcome, TrialTask, Watched, run_trial

pytestmark = WITH_TENSORFLOW
EPOCHS = 9


def earlier(study: Any, trials: int, value: float) -> None:
    """So many trials that did well from the first epoch on; enough of them reach every bracket."""
    for _ in range(trials):
        trial = study.ask()
        for epoch in range(1, EPOCHS + 1):
            trial.report(value, epoch)
            trial.should_prune()
        study.tell(trial, value)


def asked(folder: Path, pictures: Path, pruner: Pruner, config: TrainConfig) -> tuple[TrialTask, Any]:
    """A trial of `config` after eight trials nothing is better than, and the study."""
    url = storage_url(None, folder)
    study = open_study(url, "x", seed=1, pruner=pruner, epochs=EPOCHS)
    earlier(study, 8, 1.0)
    number = study.ask()._trial_id
    task = TrialTask(text=str(pictures), config=config, storage=url, trial_id=number, pruner=pruner, epochs=EPOCHS)
    return task, study


def tried(folder: Path, pictures: Path, pruner: Pruner, config: TrainConfig) -> tuple[Outcome, Any]:
    """What becomes of it, and its trial."""
    task, study = asked(folder, pictures, pruner, config)
    return run_trial(to_json(task)), study.get_trials()[-1]


def poor(task: Any, size_wh: tuple[int, int]) -> TrainConfig:
    """It learns next to nothing."""
    return TrainConfig(
        task=task,
        preprocessing=InputSettings(size_wh=size_wh),
        network=NetworkSettings(width=0.25),
        training=TrainingSettings(epochs=EPOCHS, batch=8, learning_rate=1e-6, threads=usable_cores()),
    )


@pytest.mark.parametrize("pruner", ["hyperband", "median"])
def test_nothing_is_given_up_after_its_last_epoch(tmp_path: Path, pruner: Pruner) -> None:
    task, _ = asked(tmp_path, tmp_path, pruner, poor("classify", (16, 16)))
    watched = Watched(task)
    watched(EPOCHS, {"val_accuracy": 0.1})
    assert (watched.epochs, watched.best) == (EPOCHS, 0.1)
    with pytest.raises(GiveUpError):
        Watched(asked(tmp_path, tmp_path, "median", task.config)[0])(EPOCHS - 1, {"val_accuracy": 0.1})


@pytest.mark.parametrize("pruner", ["hyperband", "median"])
def test_a_poor_classifier_is_given_up(tmp_path: Path, pruner: Pruner) -> None:
    pictures = draw(tmp_path / "pictures", {"cat": 12, "dog": 12})
    outcome, trial = tried(tmp_path, pictures, pruner, poor("classify", (16, 16)))
    assert (outcome.state, outcome.cause) == ("pruned", "behind earlier trials")
    assert outcome.epochs < EPOCHS
    assert list(trial.intermediate_values) == list(range(1, outcome.epochs + 1))


def test_a_poor_detector_is_given_up_by_its_looks(tmp_path: Path) -> None:
    pictures = drawn_on_disk(tmp_path / "pictures", [("train", 16), ("validation", 4), ("test", 4)])
    outcome, trial = tried(tmp_path, pictures, "hyperband", poor("detect", SIZE_WH))
    assert outcome.state == "pruned"
    assert outcome.epochs < EPOCHS
    assert max(trial.intermediate_values.values()) == outcome.accuracy
