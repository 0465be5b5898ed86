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
from edge.drift.calibration import FALSE_ALARMS, FEWEST_PICTURES, WINDOW, thresholds
from edge.drift.cells import histogram
from edge.drift.distances import Numbers
from edge.drift.features import RANGES, TERMS, Measurer, PictureFeatures
from edge.drift.power import measured_power
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
) -> Reference:
    """From fitted pictures (N, H, W, C) uint8; `weights` (N,) say how many each stands for, e.g. of its class.

    Thresholds and power are left out below `FEWEST_PICTURES`.
    """
    weights = _effective(np.ones(len(frames)) if weights is None else weights)
    measure = Measurer(frames.shape[1:]).measure
    seen = [measure(picture) for picture in frames]
    first = np.array([label or "" for label in answers.labels])
    made = Reference(
        made_with=made_with,
        pictures=len(frames),
        brightness=_of(seen, "brightness", weights),
        contrast=_of(seen, "contrast", weights),
        sharpness=_of(seen, "sharpness", weights),
        noise=_of(seen, "noise", weights),
        confidence=histogram(answers.confidence, lowest=0.0, highest=1.0, weights=weights),
        objects=None
        if answers.objects is None
        else histogram(answers.objects, lowest=0.0, highest=_MOST_OBJECTS, weights=weights),
        classes={label: float(weights[first == label].sum() / weights.sum()) for label in labels},
        layout=_layout(seen, weights) if weights.sum() >= _LAYOUT_PICTURES else None,
    )
    return made if weights.sum() < FEWEST_PICTURES else _calibrated(made, frames)


def _calibrated(made: Reference, frames: Pixels) -> Reference:
    limits = thresholds(made)
    found = Calibration(window=WINDOW, false_alarms=FALSE_ALARMS, thresholds=limits)
    power = measured_power(made, limits, frames, WINDOW)
    return replace(made, calibration=replace(found, power=power))


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
