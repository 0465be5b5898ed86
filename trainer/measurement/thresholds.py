"""Thresholds for a stated goal: chosen on the validation split, told by the test split.

    [evaluation]
    threshold_for = ["precision>=0.95", "recall.defect>=0.99"]

Without a class the model answers or abstains: an answer counts when its calibrated best score reaches the threshold.
`precision` is then the share of answers that are right, `recall` the share of all pictures answered rightly, `coverage`
the share answered at all. With a class, the question is "is it one?", and its own score must reach the threshold.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from contract.errors import ConfigError
from trainer.measurement.measures import OperatingPoint, Ranged, ranged_share
from trainer.measurement.weighted import Labels, Values

_WRITTEN = re.compile(r"^\s*(precision|recall|coverage)(?:\.(.+?))?\s*>=\s*([0-9]*\.?[0-9]+)\s*$")
Kind = Literal["precision", "recall", "coverage"]
Booleans = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Wish:
    """One entry of `threshold_for`."""

    text: str
    kind: Kind
    label: int | None
    """Class number; None for answer or abstain."""
    least: float


def wishes(written: str | Sequence[str], labels: Sequence[str], *, where: str) -> tuple[Wish, ...]:
    """What `threshold_for` asks for, or ConfigError."""
    return tuple(_wish(text, labels, where) for text in ((written,) if isinstance(written, str) else written))


def operating_point(
    wish: Wish,
    validation: tuple[Values, Labels] | None,
    test: tuple[Values, Labels],
    known: OperatingPoint | None = None,
) -> OperatingPoint:
    """The threshold `wish` gets, from calibrated probabilities (N, classes) and truth (N,) of both splits.

    `known` is the one chosen when the model was trained: it stays.
    """
    if known is not None and known.threshold is not None:
        reached = known.on_validation or 0.0
        return _told(wish, known.threshold, reached, known.validation_pictures, test)
    if validation is None:
        return OperatingPoint(goal=wish.text, threshold=None)
    scores, right, wanted = _asked(wish, *validation)
    threshold, reached = _threshold(wish, scores, right, wanted)
    if threshold is None:
        return OperatingPoint(goal=wish.text, threshold=None, validation_pictures=len(scores))
    return _told(wish, threshold, reached, len(scores), test)


def _asked(wish: Wish, shares: Values, truth: Labels) -> tuple[Values, Booleans, Booleans]:
    """Scores (N,), whether an answer would be right, and whether the picture ought to be found."""
    if wish.label is not None:
        return shares[:, wish.label], truth == wish.label, truth == wish.label
    return shares.max(axis=1), shares.argmax(axis=1) == truth, np.ones(len(truth), np.bool_)


def _threshold(wish: Wish, scores: Values, right: Booleans, wanted: Booleans) -> tuple[float | None, float]:
    """Of all scores seen: the least that gives the precision, the greatest that gives recall or coverage."""
    order = np.argsort(-scores, kind="stable")
    falling = scores[order]
    last = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))
    answered = last + 1.0
    hits = np.cumsum(right[order])[last]
    found = {
        "precision": hits / answered,
        "recall": hits / max(1, int(wanted.sum())),
        "coverage": answered / len(scores),
    }[wish.kind]
    there = np.flatnonzero(found >= wish.least)
    if not len(there):
        return None, 0.0
    place = there[-1] if wish.kind == "precision" else there[0]
    return float(min(1.0, falling[last[place]])), float(found[place])


def _told(wish: Wish, threshold: float, reached: float, pictures: int, test: tuple[Values, Labels]) -> OperatingPoint:
    scores, right, wanted = _asked(wish, *test)
    answered = scores >= threshold
    hits = int((answered & right).sum())
    precision, recall = _share(hits, int(answered.sum())), _share(hits, int(wanted.sum()))
    coverage = float(answered.mean())
    told = {"precision": precision, "recall": recall}.get(wish.kind, Ranged(value=coverage))
    return OperatingPoint(
        goal=wish.text,
        threshold=threshold,
        on_validation=reached,
        validation_pictures=pictures,
        precision=precision,
        recall=recall,
        coverage=coverage,
        reached=None if told is None else told.value >= wish.least,
    )


def _share(part: int, whole: int) -> Ranged | None:
    return ranged_share(part, whole) if whole else None


def _wish(text: str, labels: Sequence[str], where: str) -> Wish:
    found = _WRITTEN.match(text)
    if found is None or not 0.0 < float(found[3]) <= 1.0 or (found[1] == "coverage" and found[2]):
        raise ConfigError(
            f"threshold_for = {text!r} is not understood",
            where=where,
            fix="Write precision>=0.95, recall>=…, coverage>=…, or precision.CLASS>=…, with a share above 0 up to 1.",
        )
    if found[2] and found[2] not in labels:
        raise ConfigError(
            f"threshold_for = {text!r} names no class of this data",
            where=where,
            fix=f"Its classes: {', '.join(labels[:10])}.",
        )
    kinds: dict[str, Kind] = {"precision": "precision", "recall": "recall", "coverage": "coverage"}
    label = labels.index(found[2]) if found[2] else None
    return Wish(text, kinds[found[1]], label, float(found[3]))
