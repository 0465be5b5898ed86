"""The folder a training leaves: what its files are called, and the parts of them that converters read.

The trainer writes more into these files than stands here (every setting, every curve); what follows is what other
rooms rely on. Arrays are `uint8` pixels (N, height, width, channels), already in the model's size and colour order,
as `edge.preprocess.fit` gives them.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from contract.decoding import Decoding
from contract.manifest import Digest, ModelName, Preprocessing, Share, Task

SCHEMA = 1
MODEL = "model.keras"
QUANTIZATION_AWARE_MODEL = "model.qat.keras"
"""The same network trained on with the rounding of int8 in it; most runs have none."""
QUANTIZATION_AWARE_FILE = "model.qat.tflite"
"""That network with every scale it learnt, int8 from end to end: what converters take. There where the other is."""
METRICS = "metrics.json"
DATASET = "dataset.json"
CALIBRATION = "calibration.npz"
"""`frames` and `labels` (N,) int64, drawn from the training split. Of a detector, in place of `labels`: `boxes` (M, 4)
float32 left, top, right, bottom in pixels of the frames, `box_labels` (M,) int64 class numbers, `box_picture` (M,)
int64 the frame each box is marked in, and `box_crowd` (M,) bool: regions that are neither learnt nor counted."""
GOLDEN = "golden.npz"
"""`frames` and `labels`, drawn from the test split: never seen while training."""
REFERENCE = "reference.json"
REPORT = "report.html"
CARD = "card.md"
MLBOM = "mlbom.cdx.json"
"""A CycloneDX bill of materials of the model."""
SETTINGS = "train.toml"
COMPLETE = METRICS
"""Written last: a folder without it is a training that did not finish."""


class Settings(Struct, frozen=True, kw_only=True):
    """The part of `train.toml` that says how to feed the model."""

    schema: int = SCHEMA
    name: ModelName
    task: Task
    preprocessing: Preprocessing
    decoding: Decoding | UnsetType = UNSET
    """What the outputs mean, with the thresholds that training found; unset for a classifier, whose one output is its
    scores."""


class Split(Struct, frozen=True, kw_only=True):
    """One of train, validation and test."""

    pictures: int
    digest: Digest
    """Over the sorted digests of its pictures and their labels."""
    classes: dict[str, int]
    """Pictures by label."""


class Dataset(Struct, frozen=True, kw_only=True):
    """`dataset.json`."""

    schema: int = SCHEMA
    origin: str
    """The path or name it was read from, as given."""
    labels: tuple[str, ...]
    """Index is the class number."""
    splits: dict[str, Split]
    digest: Digest


class ClassScores(Struct, frozen=True, kw_only=True):
    """How one class fared on the test split."""

    label: str
    precision: Share
    recall: Share
    f1: Share
    pictures: int


class Scores(Struct, frozen=True, kw_only=True):
    """How a model fared on a set of labelled pictures."""

    pictures: Annotated[int, Meta(ge=1)]
    accuracy: Share
    macro_f1: Share
    per_class: tuple[ClassScores, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Rows are the truth, columns the answer, both in label order."""


class DetectedClass(Struct, frozen=True, kw_only=True):
    """How the boxes of one class were found on the test split."""

    label: str
    ap50_95: Share
    """COCO's average precision, the mean over overlaps from 0.50 to 0.95."""
    ap50: Share
    """At an overlap of 0.5."""
    ar: Share
    """COCO's average recall, with at most 100 boxes a picture."""
    precision: Share
    """At the score threshold and an overlap of 0.5, as are recall and f1."""
    recall: Share
    f1: Share
    boxes: int


class DetectionScores(Struct, frozen=True, kw_only=True):
    """How a detector fared on a set of pictures with marked boxes. Classes without a box in it count for nothing."""

    pictures: Annotated[int, Meta(ge=1)]
    boxes: int
    map50_95: Share
    """The mean of the classes' average precision, overlaps from 0.50 to 0.95: COCO's mAP."""
    map50: Share
    map50_95_range: tuple[Share, Share]
    """Its 95 % interval, by drawing the pictures anew with replacement."""
    score_threshold: Share
    """From which score on a box counts for precision, recall and F1."""
    per_class: tuple[DetectedClass, ...]


class DetectionMetrics(Struct, frozen=True, kw_only=True):
    """`metrics.json` of a detector: a run whose task is `detect`."""

    schema: int = SCHEMA
    weights: Digest
    """As in `Metrics`."""
    test: DetectionScores
    epochs: int
    seconds: float
    threads: int


class Metrics(Struct, frozen=True, kw_only=True):
    """`metrics.json` of a classifier."""

    schema: int = SCHEMA
    weights: Digest
    """Over the weight arrays in order: the `.keras` file itself differs at every save."""
    test: Scores
    epochs: int
    seconds: float
    threads: int
