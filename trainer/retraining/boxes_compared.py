"""Two detectors on one test set, part by part, their boxes decoded as on the device.

Of a part what counts is mAP50-95, or AP50-95 where the part is a class; of the classes the base knows, as far as any of
them is marked, so that a class that came in addition hides no loss. That it fell is shown by the randomisation test of
`trainer/detection/comparison.py`, in which pictures change sides by group where a part has five groups and more. It
holds its level in every part, so no number of pictures is evidence by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from msgspec import Struct

from edge.marked import Found, Marked
from trainer.detection.comparison import Members, Pair, differences, drop_p, paired
from trainer.detection.weighted_precision import mean_precision
from trainer.measurement.comparison import Difference
from trainer.retraining.replacement import Finding, MeasuredSet, SetName, finding_of
from trainer.retraining.settings import Retraining


class BoxesPart(Struct, frozen=True, kw_only=True):
    """Some pictures of a test set, or one class in all of them."""

    name: str
    """`all`, `class cat`, `device cam-1`."""
    pictures: int
    """Of a class those that show it."""
    boxes: int
    before: float
    """mAP50-95 of the old model; of a class its AP50-95."""
    after: float
    before50: float
    """The same at an overlap of 0.5."""
    after50: float
    p: float | None
    """How often equal models would lose so much; None where the drop is within the limit and nobody asked."""
    finding: Finding

    def told(self, name: SetName) -> str:
        """As `replacement.Judged`."""
        chance = "" if self.p is None else f", p {self.p:.2g}"
        return (
            f"{self.name} on the {name} test set fell from {self.before:.3f} to {self.after:.3f} of mAP50-95 "
            f"({self.pictures} pictures, {self.boxes} boxes{chance})"
        )


class BoxesCompared(Struct, frozen=True, kw_only=True):
    """Both detectors on one test set."""

    COLUMNS: ClassVar[tuple[str, ...]] = (
        "part", "pictures", "boxes", "AP50-95 before", "AP50-95 after", "AP50 before", "AP50 after", "finding",
    )  # fmt: skip
    name: SetName
    pictures: int
    boxes: int
    """Of the classes that count for the whole."""
    map50_95: Difference
    map50: Difference
    parts: tuple[BoxesPart, ...]

    @property
    def figures(self) -> tuple[float, float]:
        """mAP50-95 before and after."""
        return self.map50_95.a, self.map50_95.b

    def in_words(self) -> str:
        """As `replacement.SetCompared`."""
        apart = (_in_words("mAP50-95", self.map50_95), _in_words("mAP50", self.map50))
        return f"{self.pictures} pictures with {self.boxes} boxes: {'; '.join(apart)}"

    def figures_in_words(self) -> str:
        """As `replacement.SetCompared`."""
        before, after = self.figures
        return f"mAP50-95 {before:.3f} before, {after:.3f} after"

    def rows(self) -> Iterator[tuple[str, ...]]:
        """As `replacement.SetCompared`."""
        for part in self.parts:
            figures = (part.before, part.after, part.before50, part.after50)
            yield (part.name, str(part.pictures), str(part.boxes), *(f"{one:.3f}" for one in figures), part.finding)


@dataclass(frozen=True, slots=True)
class Detections:
    """What both models found in a test set, in the numbering of the new one."""

    on: MeasuredSet
    truth: Sequence[Marked]
    before: Sequence[Found]
    after: Sequence[Found]


def boxes_rule(limits: Retraining) -> str:
    """In words."""
    return (
        f"refused where a part of at least {limits.smallest_part} pictures loses more than {limits.max_drop:.3f} of "
        "mAP50-95 (of a class: AP50-95), and the one-sided p of the randomisation test is at most "
        f"{limits.evidence:g}: so often would equal models lose as much, if their answers changed sides at random, "
        "picture by picture or group by group"
    )


def boxes_compared(found: Detections, labels: Sequence[str], known: int, limits: Retraining) -> BoxesCompared:
    """Both models on one test set, whole and in parts; the first `known` of `labels` are the base's."""
    pair = paired(found.truth, found.before, found.after, len(labels))
    whole = _judged(pair, known)
    first, second = differences(whole, found.on.numbered())
    return BoxesCompared(
        name=found.on.name,
        pictures=pair.pictures,
        boxes=int(whole.marked.sum()),
        map50_95=first,
        map50=second,
        parts=tuple(_parts(found, pair, labels, known, limits)),
    )


def _judged(pair: Pair, known: int) -> Pair:
    """Of the classes the base knows and that are marked, or else of all that are."""
    marked = np.flatnonzero(pair.marked.any(axis=1)).tolist()
    return pair.of_classes([number for number in marked if number < known] or marked)


def _parts(found: Detections, pair: Pair, labels: Sequence[str], known: int, limits: Retraining) -> Iterator[BoxesPart]:
    groups = found.on.numbered()
    yield _part("all", _judged(pair, known), pair.pictures, groups, limits)
    for number, label in enumerate(labels):
        showing = int(np.count_nonzero(pair.marked[number]))
        if showing:
            yield _part(f"class {label}", pair.of_classes([number]), showing, groups, limits)
    for name, where in found.on.slices():
        some = pair.within(where)
        yield _part(name, _judged(some, known), some.pictures, found.on.numbered(where), limits)


def _part(name: str, pair: Pair, pictures: int, groups: Members | None, limits: Retraining) -> BoxesPart:
    """Of everything in `pair`; `pictures` is how many are said to be in it."""
    before, after = pair.precisions(np.ones((1, pair.pictures)))
    drop = float(mean_precision(before)[0] - mean_precision(after)[0])
    units = np.arange(pair.pictures) if groups is None else groups
    p = drop_p(pair, units) if drop > limits.max_drop else None
    return BoxesPart(
        name=name,
        pictures=pictures,
        boxes=int(pair.marked.sum()),
        before=float(mean_precision(before)[0]),
        after=float(mean_precision(after)[0]),
        before50=float(mean_precision(before[..., :1])[0]),
        after50=float(mean_precision(after[..., :1])[0]),
        p=p,
        finding=finding_of(drop, pictures, limits, shown=p is not None and p <= limits.evidence),
    )


def _in_words(name: str, one: Difference) -> str:
    low, high = one.interval
    return (
        f"{name} {one.a:.3f} before, {one.b:.3f} after, difference {one.difference:+.3f} "
        f"(95 %: {low:+.3f} to {high:+.3f})"
    )
