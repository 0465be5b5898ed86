"""A model's drift reference, made from fitted held-back pictures and its answers to them.

Trainer (the float model) and converters (the very artifact) both come through here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from contract.reference import Calibration, Histogram, Layout, Reference
from edge.drift.calibration import FALSE_ALARMS, FEWEST_PICTURES, WINDOW, pictures_of, thresholds
from edge.drift.cells import histogram
from edge.drift.distances import Numbers
from edge.drift.false_alarms import FEWEST, measured_false_alarms
from edge.drift.features import RANGES, TERMS, Measurer, PictureFeatures
from edge.drift.power import measured_power
from edge.drift.window import Window
from edge.frames import Pixels

_MOST_OBJECTS = 10_000.0
_LAYOUT_PICTURES = 5 * len(TERMS)
"""A covariance of fewer pictures is mostly chance."""
_RIDGE = 1.0
"""Added to each variance, in squared grey levels: so the covariance of equal pictures can be inverted as well."""


class Answers(Struct, frozen=True):
    """What a model said first about each of N pictures."""

    labels: Sequence[str | None]
    """None where it said nothing."""
    confidence: NDArray[np.floating]
    """(N,), 0..1; 0 for nothing."""
    objects: NDArray[np.floating] | None = None
    """(N,) detections, for models that detect."""


def reference_of(
    frames: Pixels,
    answers: Answers,
    labels: Sequence[str],
    *,
    made_with: str,
    weights: Numbers | None = None,
    measured: bool = True,
) -> Reference:
    """From fitted pictures (N, H, W, C) uint8; `weights` (N,) say how many each stands for, e.g. of its class.

    Thresholds, power and false alarms are left out below `FEWEST_PICTURES`; the last two, some 2 s on a PC, also where
    they are not to be `measured`.
    """
    measure = Measurer(frames.shape[1:]).measure
    weights = np.ones(len(frames)) if weights is None else np.asarray(weights, np.float64)
    known = _Known([measure(picture) for picture in frames], answers, weights, labels, made_with)
    made = known.reference(np.arange(len(frames)))
    if pictures_of(made) < FEWEST_PICTURES:
        return made
    limits = thresholds(made)
    calibration = Calibration(window=WINDOW, false_alarms=FALSE_ALARMS, thresholds=limits)
    if measured:
        calibration = replace(calibration, power=measured_power(made, limits, frames, WINDOW))
        if min(pictures_of(made), len(frames)) >= FEWEST:
            calibration = replace(calibration, alarmed=measured_false_alarms(weights, known.reference, known.fill))
    return replace(made, calibration=calibration)


class _Known(Struct, frozen=True):
    """N pictures measured and answered, of which references are made and windows filled."""

    seen: Sequence[PictureFeatures]
    answers: Answers
    weights: Numbers
    """(N,) as given."""
    labels: Sequence[str]
    made_with: str

    def reference(self, chosen: NDArray[np.int64]) -> Reference:
        """Of the `chosen` pictures, without thresholds."""
        weights = _effective(self.weights[chosen])
        seen = [self.seen[index] for index in chosen]
        first = np.array([self.answers.labels[index] or "" for index in chosen])
        objects = self.answers.objects
        return Reference(
            made_with=self.made_with,
            pictures=len(chosen),
            brightness=_of(seen, "brightness", weights),
            contrast=_of(seen, "contrast", weights),
            sharpness=_of(seen, "sharpness", weights),
            noise=_of(seen, "noise", weights),
            confidence=histogram(self.answers.confidence[chosen], lowest=0.0, highest=1.0, weights=weights),
            objects=None
            if objects is None
            else histogram(objects[chosen], lowest=0.0, highest=_MOST_OBJECTS, weights=weights),
            classes={label: float(weights[first == label].sum() / weights.sum()) for label in self.labels},
            layout=_layout(seen, weights) if weights.sum() >= _LAYOUT_PICTURES else None,
        )

    def fill(self, window: Window, chosen: NDArray[np.int64]) -> None:
        """Put the `chosen` pictures and what the model said about them into `window`."""
        answers = self.answers
        for index in chosen:
            window.add_picture(self.seen[index])
            objects = None if answers.objects is None else int(answers.objects[index])
            window.add_answer(answers.labels[index], float(answers.confidence[index]), objects)


def _effective(weights: Numbers) -> Numbers:
    """Scaled to Kish's effective sample size, sum squared over sum of squares: uneven weights are worth less."""
    return np.asarray(weights * weights.sum() / np.square(weights).sum(), np.float64)


def _of(seen: Sequence[PictureFeatures], name: str, weights: Numbers) -> Histogram:
    lowest, highest = RANGES[name]
    values = np.array([getattr(one, name) for one in seen])
    return histogram(values, lowest=lowest, highest=highest, weights=weights)


def _layout(seen: Sequence[PictureFeatures], weights: Numbers) -> Layout:
    terms = np.stack([one.layout for one in seen]).astype(np.float64)
    mean = np.average(terms, axis=0, weights=weights)
    apart = terms - mean
    covariance = (apart * weights[:, None]).T @ apart / (weights.sum() - 1) + _RIDGE * np.eye(len(mean))
    return Layout(
        mean=tuple(mean.round(3).tolist()), covariance=tuple(tuple(row) for row in covariance.round(3).tolist())
    )
