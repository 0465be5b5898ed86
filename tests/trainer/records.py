"""A finished training for tests of what is written about one: made by hand, so that every number is known."""

from __future__ import annotations

import numpy as np

from contract.run import ClassScores, Scores, Split
from trainer.data.dataset import DatasetRecord
from trainer.measurement.reference import reference
from trainer.record import Mistake, Record, TrainingMetrics
from trainer.settings import Augmentation, InputSettings, Suggestion, TrainConfig, resolve

DIGEST = "sha256:" + "ab" * 32
HOSTILE = '<script>alert("1")</script>|'
"""A class folder somebody named with bad intentions."""


def scores(labels: tuple[str, str]) -> Scores:
    rows = tuple(ClassScores(label=label, precision=0.75, recall=0.6, f1=2 / 3, pictures=5) for label in labels)
    return Scores(pictures=10, accuracy=0.7, macro_f1=2 / 3, per_class=rows, confusion=((4, 1), (2, 3)))


def record(labels: tuple[str, str] = ("cat", HOSTILE), *, mistakes: bool = True) -> Record:
    suggestion = Suggestion(preprocessing=InputSettings(size_wh=(16, 16)), augmentation=Augmentation())
    split = Split(pictures=10, digest=DIGEST, classes=dict.fromkeys(labels, 5))
    history = dict.fromkeys(("loss", "val_loss"), (1.9, 0.7, 0.31))
    history |= dict.fromkeys(("accuracy", "val_accuracy"), (0.4, 0.6, 0.7))
    return Record(
        settings=resolve(TrainConfig(seed=5), name="pets", suggestion=suggestion, train_pictures=10),
        dataset=DatasetRecord(
            origin="pictures/pets",
            labels=labels,
            splits={"train": split, "validation": split, "test": split},
            digest=DIGEST,
            splits_given=False,
            seed=5,
            left_out=("train/cat/again.png",),
        ),
        metrics=TrainingMetrics(
            weights=DIGEST,
            test=scores(labels),
            epochs=3,
            seconds=12.5,
            threads=2,
            accuracy_range=(0.397, 0.892),
            parameters=78426,
            kept_epoch=3,
            pictures_per_s=812.0,
            history=history,
            software={"python": "3.11.7"},
            machine="x86_64 Linux",
        ),
        reference=reference(np.zeros((2, 16, 16, 3), np.uint8), np.eye(2, dtype=np.float32), labels),
        mistakes=(Mistake("test/cat/1.png", labels[0], labels[1], 0.91, b"\x89PNG"),) if mistakes else (),
    )
