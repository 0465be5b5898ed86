"""A trained detector measured: its threshold on the validation split, everything else on the test split.

The file as it was saved is opened again; the test split is looked at here for the first and only time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from contract.reference import FLOAT, Reference
from contract.run import MODEL, DetectionScores
from edge.average_precision import Average
from edge.drift.profile import Answers, reference_of
from edge.marked import Found, lowered
from trainer import record as training_record
from trainer.architecture.budget import Prediction
from trainer.architecture.foretelling import detection_evidence, foretold, latency_evidence
from trainer.detection.dataset import Detected, PreparedBoxes
from trainer.detection.decoding import decoding_of
from trainer.detection.fitting import FittedDetector
from trainer.detection.gallery import gallery
from trainer.detection.inference import found_by
from trainer.detection.record import DetectorMetrics, DetectorRecord
from trainer.detection.resolving import grid_of, more_of
from trainer.detection.scoring import scores_of_average
from trainer.detection.threshold import best_threshold
from trainer.learning.inference import open_keras
from trainer.learning.weights import weights_digest
from trainer.measurement.evaluation_plan import make_plan
from trainer.measurement.goals import judged
from trainer.measurement.measures import GoalTable, Ranged
from trainer.settings import Resolved


def measure_detector(folder: Path, data: PreparedBoxes, settings: Resolved, fitted: FittedDetector) -> DetectorRecord:
    """Everything a run says about the detector in `folder`, its decoding included."""
    model = open_keras(folder / MODEL)
    decoding = decoding_of(grid_of(settings), more_of(settings))
    lowest = lowered(decoding)

    def averaged(pictures: Detected) -> tuple[list[Found], Average]:
        found = found_by(model, pictures.frames, settings.preprocessing, lowest, data.labels)
        return found, Average(pictures.marked, found, len(data.labels))

    on_validation = averaged(data.splits["validation"])[1]
    threshold = best_threshold(on_validation)
    test = data.splits["test"]
    found, on_test = averaged(test)
    scores = scores_of_average(on_test, len(test), data.labels, threshold)
    predicted = foretold(model, settings)
    metrics = DetectorMetrics(
        weights=weights_digest(model),
        test=scores,
        epochs=fitted.epochs,
        seconds=round(fitted.seconds, 3),
        threads=settings.training.threads,
        parameters=model.count_params(),
        kept_epoch=fitted.kept_epoch,
        pictures_per_s=round(fitted.pictures / fitted.seconds, 1),
        loss=fitted.loss,
        looks=tuple(fitted.looks.items()),
        validation_map50_95=on_validation.map50_95,
        software=training_record.software(),
        machine=training_record.machine(),
        predicted=predicted,
        goals=_goals(scores, predicted, (folder / MODEL).stat().st_size, data, settings),
    )
    return DetectorRecord(
        settings=replace(settings, decoding=replace(decoding, score_threshold=threshold)),
        dataset=data.record,
        metrics=metrics,
        reference=detector_reference(test, found, data.labels, threshold),
        curves={label: _curve(on_test, number) for number, label in enumerate(data.labels)},
        shown=gallery(test, found, threshold, len(data.labels), colour=settings.preprocessing.colour),
    )


def _goals(
    scores: DetectionScores, predicted: Mapping[str, Prediction], size: int, data: PreparedBoxes, settings: Resolved
) -> GoalTable | None:
    plan = make_plan(settings.evaluation, settings.goals, task="detect", labels=data.labels, listed=())
    if plan.goals is None:
        return None
    measured = detection_evidence(scores) | latency_evidence(predicted) | {"size_mb": Ranged(value=size / 1e6)}
    return judged(plan.goals, measured)


def detector_reference(
    pictures: Detected, found: Sequence[Found], labels: Sequence[str], threshold: float
) -> Reference:
    """The drift reference: the surest box of each picture is its first answer, as on the device."""
    kept = [one.scores >= threshold for one in found]
    first = [
        labels[one.labels[mine][one.scores[mine].argmax()]] if mine.any() else None
        for one, mine in zip(found, kept, strict=True)
    ]
    surest = np.array([one.scores[mine].max(initial=0.0) for one, mine in zip(found, kept, strict=True)])
    answers = Answers(first, surest, np.array([float(mine.sum()) for mine in kept]))
    return reference_of(pictures.frames, answers, labels, made_with=FLOAT)


def _curve(average: Average, number: int) -> tuple[float, ...]:
    return tuple(np.maximum(average.precision[0, :, number], 0.0).round(4).tolist())
