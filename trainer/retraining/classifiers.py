"""Classifiers trained on from others, for `task.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from trainer.data.dataset import Prepared
from trainer.retraining.answers_compared import Answered, AnswersCompared, answers_compared, answers_rule
from trainer.retraining.class_pictures import CLASS_PICTURES
from trainer.retraining.gathered import Gathered
from trainer.retraining.task import Task
from trainer.run_folder import Run
from trainer.settings import Resolved
from trainer.training import summary, train_prepared


def _warm(run: Run, classes: int) -> Any:
    from trainer.retraining.warm_start import warm_classifier

    return warm_classifier(run, classes)


def _compared(run: Run, made: Gathered[Prepared], settings: Resolved, model: Path) -> tuple[AnswersCompared, ...]:
    from trainer.learning.inference import open_keras, scores_of
    from trainer.retraining.warm_start import base_model

    test = made.data.splits["test"]
    before = scores_of(base_model(run), test.frames, settings.preprocessing)
    after = scores_of(open_keras(model), test.frames, settings.preprocessing)
    unknown = np.zeros((len(before), after.shape[1] - before.shape[1]), before.dtype)
    before = np.concatenate([before, unknown], axis=1)
    return tuple(
        answers_compared(
            Answered(one, test.labels[where], before[where], after[where]), made.data.labels, settings.retraining
        )
        for one, where in made.measured()
    )


CLASSIFIERS = Task(
    pictures=CLASS_PICTURES,
    train=train_prepared,
    summary=summary,
    warm=_warm,
    compared=_compared,
    rule=answers_rule,
)
