"""A search of a task: pictures for another are refused, and a drawn detector says its stride."""

from __future__ import annotations

from dataclasses import replace

import optuna
import pytest

from contract.errors import DataError
from tests.trainer.detection.drawn_boxes import SIZE_WH, drawn_origin
from tests.trainer.tensorflow_marks import WITH_TENSORFLOW
from trainer.settings import InputSettings, TrainConfig
from trainer.tuning.subjects import subject_of

pytestmark = WITH_TENSORFLOW
MARKED = drawn_origin([("train", 6), ("validation", 2), ("test", 2)])
DETECT = TrainConfig(task="detect", preprocessing=InputSettings(size_wh=SIZE_WH, resize="letterbox"))


def test_pictures_for_another_task_are_refused() -> None:
    with pytest.raises(DataError, match="--task detect"):
        subject_of(TrainConfig(), MARKED)
    with pytest.raises(DataError, match="no boxes are marked"):
        subject_of(DETECT, replace(MARKED, task="classify"))


def test_a_drawn_detector_is_built_on_the_stride_it_is_trained_with() -> None:
    subject = subject_of(DETECT, MARKED)
    params = {"width": 0.25, "mosaic": 0.5, "size": "64x48", "augmentation": 1.0, "learning_rate": 3e-3}
    config = subject.drawn(optuna.trial.FixedTrial(params), subject.space(()))
    assert config.detection
    assert config.detection.stride == 8
    assert subject.build(config).output["boxes"].shape == (None, 8 * 6, 4)
