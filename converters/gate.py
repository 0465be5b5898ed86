"""Whether an artifact is still the same model: both are asked about pictures neither has been trained on.

Pure functions over scores (N, classes). Plain cosine similarity is not used: a constant offset fools it. The signal
to noise ratio is the usual 10 log10(sum(s^2) / sum((s - a)^2)) in decibels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contract.errors import GateError

Scores = NDArray[np.floating]
ROUNDING = 1e-9
"""Shares of pictures are quotients: a fall of exactly what is allowed must not be refused."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a conversion may cost."""

    max_drop: float = 0.02
    """Of accuracy, absolute; 0 for none at all."""
    min_agreement: float = 0.9
    """Share of pictures with the same first answer."""

    def drop_on(self, pictures: int) -> float:
        """The fall allowed on that many pictures: one picture is always within it, as it tells nothing from chance."""
        return max(self.max_drop, 1 / pictures) if self.max_drop else 0.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """Source and artifact on the same pictures."""

    pictures: int
    source_accuracy: float
    artifact_accuracy: float
    agreement: float
    sqnr_db: float
    """Infinite where both give the same numbers."""
    largest_difference: float
    """Between any two scores of the same picture and class."""

    @property
    def drop(self) -> float:
        """Accuracy lost; negative where the artifact fares better."""
        return self.source_accuracy - self.artifact_accuracy


def compare(source: Scores, artifact: Scores, labels: NDArray[np.int64], *, where: str) -> Comparison:
    """Measure `artifact` against `source`, both (N, classes), on pictures whose classes are `labels` (N,).

    Raises GateError for answers that are no answers: another shape, not finite, or the same for every picture.
    """
    _check_alive(source, artifact, where)
    expected, given = source.argmax(axis=1), artifact.argmax(axis=1)
    noise = source.astype(np.float64) - artifact
    return Comparison(
        pictures=len(labels),
        source_accuracy=float((expected == labels).mean()),
        artifact_accuracy=float((given == labels).mean()),
        agreement=float((expected == given).mean()),
        sqnr_db=_decibels(np.square(source, dtype=np.float64).sum(), np.square(noise).sum()),
        largest_difference=float(np.abs(noise).max()),
    )


def judge(comparison: Comparison, limits: Limits, *, where: str) -> None:
    """Raise GateError where the artifact lost more than `limits` allow."""
    measured = f"on {comparison.pictures} pictures, SQNR {comparison.sqnr_db:.1f} dB"
    allowed = limits.drop_on(comparison.pictures)
    if comparison.drop > allowed + ROUNDING:
        raise GateError(
            f"accuracy fell from {comparison.source_accuracy:.2%} to {comparison.artifact_accuracy:.2%} {measured}; "
            f"{allowed:.2%} are allowed",
            where=where,
            fix="Calibrate on pictures like those the camera gives (--calibration), or allow more (--max-drop).",
        )
    if comparison.agreement < limits.min_agreement:
        raise GateError(
            f"only {comparison.agreement:.1%} of the first answers are those of the original {measured}; "
            f"{limits.min_agreement:.0%} are needed",
            where=where,
            fix="Calibrate on pictures like those the camera gives (--calibration), or train longer.",
        )


def _check_alive(source: Scores, artifact: Scores, where: str) -> None:
    for name, scores in (("the original", source), ("the artifact", artifact)):
        if scores.shape != source.shape or scores.ndim != 2:
            raise _dead(f"{name} answers {scores.shape}, expected {source.shape}", where)
        if not np.isfinite(scores).all():
            raise _dead(f"{name} answers with values that are not numbers", where)
        if len(scores) > 1 and (scores == scores[0]).all():
            raise _dead(f"{name} gives every picture the same answer", where)


def _decibels(signal: float, noise: float) -> float:
    return 10 * math.log10(signal / noise) if noise > 0 else math.inf


def _dead(what: str, where: str) -> GateError:
    return GateError(what, where=where, fix="Train the model again, and look at the run's report first.")
