"""What the trainer's commands print about detectors, for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contract.run import DetectionScores
    from trainer.detection.detecting import TrainedDetector


def trained_detector(trained: TrainedDetector) -> str:
    """`edgeferry train --task detect`."""
    low, high = trained.map50_95_range
    return (
        f"{trained.name}: mAP50-95 {trained.map50_95:.3f} (95 %: {low:.3f} to {high:.3f}), mAP50 {trained.map50:.3f} "
        f"on {trained.test_pictures} test pictures; {trained.epochs} epochs in {trained.seconds:.0f} s\n"
        f"run: {trained.run} (open {trained.run}/report.html)"
    )


def detection_lines(scores: DetectionScores) -> Iterator[str]:
    """The measured part of `edgeferry evaluate`."""
    low, high = scores.map50_95_range
    yield f"mAP50-95 {scores.map50_95:.3f} (95 %: {low:.3f} to {high:.3f}), mAP50 {scores.map50:.3f}"
    width = max(5, *(len(row.label) for row in scores.per_class))
    yield f"{'class':{width}}  AP50-95   AP50     AR  precision  recall     F1  boxes"
    for row in scores.per_class:
        if row.boxes:
            yield (
                f"{row.label:{width}}  {row.ap50_95:7.3f}  {row.ap50:5.3f}  {row.ar:5.3f}  {row.precision:9.1%}  "
                f"{row.recall:6.1%}  {row.f1:5.1%}  {row.boxes:5}"
            )
    yield f"precision, recall and F1 of boxes scored {scores.score_threshold:.2f} and more"
