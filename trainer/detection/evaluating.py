"""`edgeferry evaluate` of a detector: a run or a bundle measured on pictures with boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from contract.errors import DataError
from contract.run import DetectionScores
from edge.marked import Marked
from trainer.data.held_back import Kept, Wanted, choose
from trainer.data.origin import open_origin
from trainer.detection.dataset import Detected, divide_boxes, load_boxes
from trainer.detection.detectors import open_detector
from trainer.detection.scoring import score_detections
from trainer.measurement.classifiers import Kind

_BOXED: Kept[Detected] = Kept(load_boxes, divide_boxes)


class EvaluatedDetector(msgspec.Struct, frozen=True, kw_only=True):
    """What `edgeferry evaluate --json` prints for a detector; fields as in `measurement.evaluating.Evaluated`."""

    model: str
    kind: Kind
    release: str
    data: str
    split: str
    held_back: bool | None
    scores: DetectionScores

    @property
    def goals(self) -> None:
        """Goals are judged when a detector is trained, and not here."""


def evaluate_detector(
    path: Path, text: str, *, split: Wanted, seed: int | None, skip_unreadable: bool
) -> EvaluatedDetector:
    """Measure the detector at `path` on the pictures `text` names; `seed` is its training's, where that is not kept."""
    model = open_detector(path)
    origin = open_origin(text)
    if origin.task != "detect":
        raise DataError("no boxes are marked in these pictures", where=text, fix="Name pictures with boxes.")
    unknown = [label for label in origin.labels if label not in model.labels]
    if unknown:
        raise DataError(
            f"the model knows no {', '.join(unknown[:5])}",
            where=f"{text} for {path}",
            fix=f"Name the classes as its labels: {', '.join(model.labels[:10])}.",
        )
    trained_on = model.trained_on if seed is None else replace(model.trained_on, seed=seed)
    reading = msgspec.structs.replace(trained_on.settings, skip_unreadable=skip_unreadable)
    chosen = choose(origin, model.preprocessing, trained_on, split, reading, _BOXED)
    truth = _renumbered(chosen.pictures.marked, [model.labels.index(label) for label in origin.labels])
    found = model.answers(chosen.pictures.frames)
    return EvaluatedDetector(
        model=str(path),
        kind=model.kind,
        release=model.release,
        data=text,
        split=chosen.split,
        held_back=chosen.held_back,
        scores=score_detections(truth, found, model.labels, model.score_threshold),
    )


def _renumbered(marked: Sequence[Marked], numbers: Sequence[int]) -> list[Marked]:
    """With labels in the model's numbering."""
    number = np.array(numbers, np.int64)
    return [replace(one, labels=number[one.labels]) for one in marked]
