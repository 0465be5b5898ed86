"""How well a model does its task, where the truth about the pictures is known: accuracy, or COCO's mAP50-95."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from contract.intervals import share_interval
from contract.manifest import Classify, Manifest
from converters.sameness import Answers, decoded_answers
from converters.source import Truth
from converters.verdict import Limits
from edge.marked import Marked, as_found, lowered

if TYPE_CHECKING:
    from edge.average_precision import Average

DRAWS = 100
"""Of pictures, for the interval of an average precision."""


def metric_of(draft: Manifest) -> str:
    """What the task's metric is called."""
    return "accuracy" if draft.task == "classify" else "mAP50-95"


class Metric(NamedTuple):
    """One measurement."""

    value: float
    """0..1."""
    range: Callable[[], tuple[float, float]]
    """Its 95 % interval: Wilson's for a share, a bootstrap over the pictures otherwise, which takes a second."""


def task_metric(draft: Manifest, answers: Answers, truth: Truth) -> Metric | None:
    """None for tasks that have no metric here, and where the truth is of another kind."""
    if isinstance(truth, tuple):
        if draft.task != "detect":
            return None
        average = _average(draft, answers, truth)
        return Metric(average.map50_95, partial(average.interval, draws=DRAWS))
    if not isinstance(draft.decoding, Classify):
        return None
    scores = answers[draft.decoding.scores].reshape(len(truth), -1)
    right = float((scores.argmax(axis=1) == truth).mean())
    return Metric(right, partial(share_interval, right, len(truth)))


def allowed_drop(draft: Manifest, limits: Limits, before: float, pictures: int) -> float:
    """How far the metric may fall: of an accuracy so many points, of an average precision so large a part of it."""
    return limits.drop_on(pictures) if draft.task == "classify" else limits.max_drop * before


def truth_of(truth: Truth, pictures: NDArray[np.int64]) -> Truth:
    """The truth about these of the pictures."""
    return tuple(truth[picture] for picture in pictures) if isinstance(truth, tuple) else truth[pictures]


def _average(draft: Manifest, answers: Answers, truth: Sequence[Marked]) -> Average:
    from edge.average_precision import Average

    decoded = decoded_answers(replace(draft, decoding=lowered(draft.decoding)), answers)
    found = [as_found(one.detections if isinstance(one.detections, tuple) else ()) for one in decoded]
    return Average(truth, found, len(draft.labels))
