"""Whether two decoded answers to one picture say the same, where their raw numbers need not.

Rows of ready boxes come in the order of their scores, and a map of class numbers knows no nearly: one quantisation step
may change either everywhere. What was found, and where, must still be the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from contract.manifest import GoldenDecoded
from contract.result import Detection
from edge.agreement import iou
from edge.decoders import Decoded


def first_difference(found: Decoded, known: Decoded, rules: GoldenDecoded, score_threshold: float) -> str:
    """The first thing that is not the same, in words, or nothing.

    Detections agree when each known one has its own of the same class, with boxes that overlap by `rules.min_iou` and
    scores within `rules.score`; one so near to `score_threshold` that it may or may not have been let through
    counts for neither side. Segments agree when each class covers the same share within the tolerance.
    """
    sure = score_threshold + rules.score
    return next(chain(_detections(found, known, rules, sure), _segments(found, known, rules)), "")


def _detections(found: Decoded, known: Decoded, rules: GoldenDecoded, sure: float) -> Iterator[str]:
    if not isinstance(found.detections, tuple) or not isinstance(known.detections, tuple):
        return
    left = list(found.detections)
    for one in known.detections:
        same = next((other for other in left if _same(other, one, rules)), None)
        if same is not None:
            left.remove(same)
        elif one.score > sure:
            yield f"{one.label!r} with score {one.score:.3f} is not found where it must be"
    for other in left:
        if other.score > sure:
            yield f"{other.label!r} with score {other.score:.3f} is found where nothing is known"


def _same(found: Detection, known: Detection, rules: GoldenDecoded) -> bool:
    near = abs(found.score - known.score) <= rules.score
    return found.index == known.index and near and iou(found, known) >= rules.min_iou


def _segments(found: Decoded, known: Decoded, rules: GoldenDecoded) -> Iterator[str]:
    if not isinstance(found.segments, tuple) or not isinstance(known.segments, tuple):
        return
    ours = {one.label: one.share for one in found.segments}
    theirs = {one.label: one.share for one in known.segments}
    for label in {**theirs, **ours}:
        apart = abs(ours.get(label, 0.0) - theirs.get(label, 0.0))
        if not apart <= rules.score:
            yield f"{label!r} covers {ours.get(label, 0.0):.1%}, and {theirs.get(label, 0.0):.1%} is known"
