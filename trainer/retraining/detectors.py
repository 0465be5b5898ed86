"""Detectors trained on from others, for `task.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from contract.errors import ModelError
from edge.marked import lowered
from trainer.detection.dataset import PreparedBoxes
from trainer.detection.detecting import summary, train_prepared_boxes
from trainer.retraining.boxed_pictures import BOXED_PICTURES
from trainer.retraining.boxes_compared import BoxesCompared, Detections, boxes_compared, boxes_rule
from trainer.retraining.gathered import Gathered
from trainer.retraining.task import Task
from trainer.run_folder import Run
from trainer.settings import Resolved


def _warm(run: Run, classes: int) -> Any:
    from trainer.retraining.warm_start import warm_detector

    return warm_detector(run, classes)


def _compared(run: Run, made: Gathered[PreparedBoxes], settings: Resolved, model: Path) -> tuple[BoxesCompared, ...]:
    """Both decoded as on the device, from a low score on, since average precision wants every box."""
    from trainer.detection.inference import found_by
    from trainer.learning.inference import open_keras
    from trainer.retraining.warm_start import base_model

    if not run.settings.decoding:
        raise ModelError("the run does not say what its outputs mean", where=str(run.path), fix="Train it again.")
    decoding, labels = lowered(run.settings.decoding), made.data.labels
    known, test = len(run.dataset.labels), made.data.splits["test"]
    before = found_by(base_model(run), test.frames, settings.preprocessing, decoding, labels[:known])
    after = found_by(open_keras(model), test.frames, settings.preprocessing, decoding, labels)
    return tuple(
        boxes_compared(
            Detections(
                one,
                [test.marked[i] for i in where],
                [before[i] for i in where],
                [after[i] for i in where],
            ),
            labels,
            known,
            settings.retraining,
        )
        for one, where in made.measured()
    )


DETECTORS = Task(
    pictures=BOXED_PICTURES,
    train=train_prepared_boxes,
    summary=summary,
    warm=_warm,
    compared=_compared,
    rule=boxes_rule,
)
