"""What a foreign model's outputs mean: its task and its decoding, as far as they are certain.

Certain are what a person says (`--task`, the model card), the operator that gives ready boxes, a map of whole class
numbers, and one row with as many numbers as there are labels. All else is asked for.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from contract.decoding import (
    TASKS,
    Anomaly,
    Classify,
    Decoding,
    DetectAnchors,
    DetectBoxes,
    Estimate,
    Regress,
    Segment,
    Task,
    misfits,
)
from contract.errors import ConfigError
from contract.manifest import NUMBER_TASKS, TensorSpec
from converters.model_card import ModelCard, decoding_of, output_named
from converters.probe import Probed
from converters.sources.activation import activation_of
from converters.sources.anchors import grids_of
from converters.tflite_metadata import Packed

MOST_VALUES = 1024
"""Numbers a regression may answer with; more are a map or a signal and want a decoding of their own."""
_CLASS_NUMBERS = frozenset({"int32", "int64"})


class Meaning(NamedTuple):
    """Task and decoding, and sentences about where they were taken from."""

    task: Task
    decoding: Decoding
    notes: tuple[str, ...] = ()


class Known(NamedTuple):
    """All that is known of a model when its outputs are looked at."""

    probed: Probed
    card: ModelCard
    packed: Packed
    labels: tuple[str, ...]
    picture_wh: tuple[int, int] | None
    """Of the input that takes it; None for a model that is fed numbers."""
    states: tuple[str, ...]
    """Outputs that are no answer."""
    where: str

    @property
    def answers(self) -> tuple[TensorSpec, ...]:
        """The outputs that are."""
        return tuple(spec for spec in self.probed.outputs if spec.name not in self.states)


def meaning_of(known: Known, task: Task | None) -> Meaning:
    """What the outputs mean; `task` is what the person said.

    ConfigError names the flag or the key of the model card that answers what is open.
    """
    said = task or known.card.task
    if task is not None and known.card.task not in (None, task):
        raise _refused(f"--task says {task!r}, and the model card {known.card.task!r}", known, "Say it once.")
    # A card's classifier may still leave open what its scores are; its other kinds say all that is asked for.
    asked_for = known.card.decoding is None or said == "classify"
    found = _inferred(known, said) if asked_for else _graph_says(known)
    names = [spec.name for spec in known.probed.outputs]
    decoding = decoding_of(known.card, names, None if found is None else found.decoding)
    if decoding is not None:
        kept = found.notes if found is not None and type(found.decoding) is type(decoding) else ()
        found = Meaning(TASKS[type(decoding)], decoding, (f"outputs: said by {known.card.where}", *kept))
    if found is None:
        raise _unknown(known, said)
    _check(found, known, said)
    return found


def _check(found: Meaning, known: Known, said: Task | None) -> None:
    if said is not None and found.task != said:
        raise _refused(f"its task is {said!r}, and its outputs answer {found.task!r}", known, "Correct --task.")
    if known.picture_wh is None and found.task not in NUMBER_TASKS:
        raise _refused(
            f"it is fed numbers, and the task {found.task!r} speaks of places in a picture", known, "Correct --task."
        )
    problem = next(misfits(found.decoding, {spec.name: spec.shape for spec in known.probed.outputs}), None)
    if problem is not None:
        raise _refused(f"its outputs do not fit: {problem}", known, "Correct [decoding] in the model card.")
    classes = _class_count(found.decoding, known)
    if known.labels and classes is not None and len(known.labels) != classes:
        raise _refused(
            f"{len(known.labels)} labels for {classes} classes", known, _BACKGROUND[len(known.labels) - classes]
        )


def _class_count(decoding: Decoding, known: Known) -> int | None:
    """How many labels there must be; None where any number is right."""
    if not isinstance(decoding, Classify):
        return None
    return math.prod(next(spec.shape for spec in known.probed.outputs if spec.name == decoding.scores))


def _inferred(known: Known, said: Task | None) -> Meaning | None:
    """What the graph and the packed metadata say with certainty, given the task where a person said it."""
    found = _graph_says(known)
    if found is not None and said in (None, found.task):
        return found
    if said is None:
        return _named_row(known)
    ways = {"classify": _classify, "segment": _score_map, "regress": _regress, "anomaly": _anomaly}
    return ways[said](known) if said in ways else None


def _graph_says(known: Known) -> Meaning | None:
    return _ready_boxes(known) or _class_map(known) or _anchors(known)


def _ready_boxes(known: Known) -> Meaning | None:
    if not known.probed.hints.ready_boxes:
        return None
    boxes, classes, scores, count = known.probed.hints.ready_boxes
    decoding = DetectBoxes(boxes=boxes, classes=classes, scores=scores, count=count)
    threshold = _packed_threshold(known)
    notes = ("outputs: ready boxes of TFLite_Detection_PostProcess",)
    if threshold is None:
        return Meaning("detect", decoding, notes)
    return Meaning("detect", replace(decoding, score_threshold=threshold), (*notes, _THRESHOLD_NOTE))


def _class_map(known: Known) -> Meaning | None:
    """Whole numbers over a plane that has the picture's shape."""
    if known.picture_wh is None or len(known.answers) != 1:
        return None
    spec = known.answers[0]
    flat = spec.shape[:-1] if len(spec.shape) == 4 and spec.shape[3] == 1 else spec.shape
    if spec.dtype not in _CLASS_NUMBERS or len(flat) != 3 or min(flat[1:]) < 2:
        return None
    return Meaning("segment", Segment(map=spec.name), ("outputs: a map of class numbers",))


def _anchors(known: Known) -> Meaning | None:
    """A raw SSD whose anchors are packed in the file."""
    grids = grids_of(known.packed.anchors_xywh)
    if not grids or len(known.answers) != 2:
        return None
    boxes = [spec for spec in known.answers if len(spec.shape) == 3 and spec.shape[2] == 4]
    scores = [spec for spec in known.answers if spec not in boxes]
    if len(boxes) != 1 or boxes[0].shape[1] != sum(grid.count for grid in grids):
        return None
    decoding = DetectAnchors(boxes=boxes[0].name, scores=scores[0].name, anchors=grids, background=None)
    return Meaning("detect", decoding, ("outputs: offsets from the anchors packed in the file",))


def _named_row(known: Known) -> Meaning | None:
    """Without a word about the task: one row with a number for each label is what classifiers have."""
    row = _only_row(known)
    if row is None or len(known.labels) < 2 or math.prod(row.shape) != len(known.labels):
        return None
    found = _classify(known)
    return found._replace(notes=("task: classify, as there is one number for each label", *found.notes))


def _classify(known: Known) -> Meaning:
    row = _named_by_card(known) or _only_row(known)
    if row is None:
        raise _refused(
            f"no output is the one row of class scores: {_listed(known.answers)}",
            known,
            'Name it in the model card: [decoding] kind = "classify", scores = 0 (its position or name).',
        )
    hint = known.probed.hints.ends_with.get(row.name)
    activation, why = activation_of(known.probed.answers[row.name], row, hint, where=known.where, card=known.card)
    decoding = Classify(scores=row.name, activation=activation)
    threshold = _packed_threshold(known)
    if threshold is None:
        return Meaning("classify", decoding, (f"scores: {why}",))
    return Meaning("classify", replace(decoding, threshold=threshold), (f"scores: {why}", _THRESHOLD_NOTE))


def _score_map(known: Known) -> Meaning | None:
    """A score a class for each pixel, where the planes' shape says which axis is the classes."""
    maps = [spec for spec in known.answers if len(spec.shape) == 4 and spec.dtype not in _CLASS_NUMBERS]
    if known.picture_wh is None or len(maps) != 1 or len(known.answers) != 1:
        return None
    shape, (width, height) = maps[0].shape, known.picture_wh
    nhwc, nchw = (shape[1] * width == shape[2] * height, shape[2] * width == shape[3] * height)
    if nhwc == nchw:
        return None
    decoding = Segment(map=maps[0].name, form="scores", layout="nhwc" if nhwc else "nchw")
    return Meaning("segment", decoding, ("outputs: a score a class for each pixel",))


def _regress(known: Known) -> Meaning:
    """Every number of every output is a value."""
    total = sum(math.prod(spec.shape) for spec in known.answers)
    if total > MOST_VALUES:
        raise _refused(
            f"it answers {total} numbers, and at most {MOST_VALUES} are values of their own",
            known,
            'Name those that count in the model card: [[decoding.values]] name = "…", output = 0, index = 0.',
        )
    places = [(spec.name, index) for spec in known.answers for index in range(math.prod(spec.shape))]
    names = known.labels if len(known.labels) == total else _numbered(total)
    values = tuple(
        Estimate(name=name, output=output, index=index) for name, (output, index) in zip(names, places, strict=True)
    )
    return Meaning("regress", Regress(values=values), (f"outputs: {total} value{'s' * (total > 1)}, as they are",))


def _anomaly(known: Known) -> Meaning | None:
    if len(known.answers) != 1 or math.prod(known.answers[0].shape) != 1:
        return None
    return Meaning("anomaly", Anomaly(output=known.answers[0].name), ("outputs: one number, how unusual it is",))


def _named_by_card(known: Known) -> TensorSpec | None:
    named = (known.card.decoding or {}).get("scores")
    if named is None:
        return None
    name = output_named(named, [spec.name for spec in known.probed.outputs], known.card.where)
    return next(spec for spec in known.probed.outputs if spec.name == name)


def _only_row(known: Known) -> TensorSpec | None:
    rows = [spec for spec in known.answers if spec.shape and math.prod(spec.shape) == spec.shape[-1]]
    rows = [spec for spec in rows if spec.shape[-1] > 1 and spec.dtype not in _CLASS_NUMBERS]
    return rows[0] if len(rows) == 1 and len(known.answers) == 1 else None


def _packed_threshold(known: Known) -> float | None:
    """The first one the metadata recommends, where it is a share."""
    found = (output.score_threshold for output in known.packed.outputs)
    return next((value for value in found if value is not None and 0.0 < value <= 1.0), None)


_BACKGROUND = defaultdict(
    lambda: "Give one label a class, in their order.",
    {
        1: "Give one label a class; if the first line is the background's, this model has no such class.",
        -1: "Give one label a class; if the model's first class is the background, it needs a line as well.",
    },
)
"""What to do about so many labels too many."""
_THRESHOLD_NOTE = "score threshold: recommended by the metadata in the file"
_KINDS: Mapping[Task, str] = {
    "classify": "classify",
    "detect": "detect-boxes, detect-corners, detect-anchors, detect-grid or detect-heatmap",
    "segment": "segment",
    "keypoints": "keypoints",
    "regress": "regress",
    "anomaly": "anomaly",
}


def _unknown(known: Known, said: Task | None) -> ConfigError:
    outputs = _listed(known.probed.outputs)
    if said is None:
        return _refused(
            f"nothing says what its outputs mean: {outputs}", known, f"Give --task, one of: {', '.join(_KINDS)}."
        )
    return _refused(
        f"its outputs can mean more than one thing for the task {said!r}: {outputs}",
        known,
        f"Say which is what in a model card (--model-card): [decoding] kind = {_KINDS[said]}.",
    )


def _listed(specs: Sequence[TensorSpec]) -> str:
    shown = [f"{place} {spec.name!r} {spec.dtype}{list(spec.shape)}" for place, spec in enumerate(specs[:8])]
    return ", ".join(shown) + (f" and {len(specs) - 8} more" if len(specs) > 8 else "")


def _numbered(total: int) -> tuple[str, ...]:
    return ("value",) if total == 1 else tuple(f"value {number}" for number in range(total))


def _refused(what: str, known: Known, fix: str) -> ConfigError:
    return ConfigError(what, where=known.where, fix=fix)
