"""An evaluation put into the words of the contract: mAP, its interval, and each class."""

from __future__ import annotations

from collections.abc import Sequence

from contract.run import DetectedClass, DetectionScores
from edge.average_precision import Average
from edge.marked import Found, Marked


def score_detections(
    truth: Sequence[Marked], found: Sequence[Found], labels: Sequence[str], threshold: float
) -> DetectionScores:
    """Scores of all boxes `found` from a low score on; precision, recall and F1 of those from `threshold` on."""
    return scores_of_average(Average(truth, found, len(labels)), len(truth), labels, threshold)


def scores_of_average(average: Average, pictures: int, labels: Sequence[str], threshold: float) -> DetectionScores:
    """The same of an evaluation that was made already."""
    rows = tuple(_class_row(average, number, label, threshold) for number, label in enumerate(labels))
    return DetectionScores(
        pictures=pictures,
        boxes=sum(row.boxes for row in rows),
        map50_95=average.map50_95,
        map50=average.map50,
        map50_95_range=average.interval(),
        score_threshold=threshold,
        per_class=rows,
    )


def _class_row(average: Average, number: int, label: str, threshold: float) -> DetectedClass:
    answers = average.answers(number)
    at = answers.at(threshold)
    return DetectedClass(
        label=label,
        ap50_95=average.class_map(number),
        ap50=average.class_map(number, 0),
        ar=average.class_recall(number),
        precision=at.precision,
        recall=at.recall,
        f1=at.f1,
        boxes=answers.marked,
    )
