"""The sections every page about an evaluation has, in the order a person asks: reached? how good? where not?"""

from __future__ import annotations

from collections.abc import Iterator

from contract.run import Scores
from trainer.measurement.measures import Evaluation
from trainer.report_sections.calibration import calibration
from trainer.report_sections.classes import classes
from trainer.report_sections.confusion import confusion
from trainer.report_sections.decisions import costs, thresholds
from trainer.report_sections.robustness import robustness
from trainer.report_sections.slices import slices


def evaluated(evaluation: Evaluation, scores: Scores) -> Iterator[str]:
    """Everything behind goals and headline figures and before the pictures."""
    yield classes(evaluation.per_class)
    yield confusion(scores)
    yield slices(evaluation.slices)
    yield calibration(evaluation.calibration)
    yield thresholds(evaluation.operating_points)
    yield costs(evaluation.costs)
    yield robustness(evaluation.robustness)
