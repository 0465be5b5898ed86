"""The folder a training leaves: what its files are called, and the parts of them that converters read.

The trainer writes more into these files than stands here (every setting, every curve); what follows is what other
rooms rely on. Arrays are `uint8` pixels (N, height, width, channels), already in the model's size and colour order,
as `edge.preprocess.fit` gives them.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from contract.manifest import Digest, ModelName, Preprocessing, Share, Task

SCHEMA = 1
MODEL = "model.keras"
METRICS = "metrics.json"
DATASET = "dataset.json"
CALIBRATION = "calibration.npz"
"""`frames` and `labels` (N,) int64, drawn from the training split."""
GOLDEN = "golden.npz"
"""`frames` and `labels`, drawn from the test split: never seen while training."""
REFERENCE = "reference.json"
REPORT = "report.html"
CARD = "card.md"
SETTINGS = "train.toml"
COMPLETE = METRICS
"""Written last: a folder without it is a training that did not finish."""


class Settings(Struct, frozen=True, kw_only=True):
    """The part of `train.toml` that says how to feed the model."""

    schema: int = SCHEMA
    name: ModelName
    task: Task
    preprocessing: Preprocessing


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


class Metrics(Struct, frozen=True, kw_only=True):
    """`metrics.json`."""

    schema: int = SCHEMA
    weights: Digest
    """Over the weight arrays in order: the `.keras` file itself differs at every save."""
    test: Scores
    epochs: int
    seconds: float
    threads: int
