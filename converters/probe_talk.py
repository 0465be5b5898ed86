"""What a probe and its process say to each other, in files of one folder."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from contract.manifest import TensorSpec
from converters.source import SourceKind
from converters.tflite_metadata import Packed

JOB, STAGE, RESULT, TROUBLE = "probe.json", "stage", "seen.json", "trouble.json"
FEEDS, ANSWERS = "feeds.npz", "answers.npz"


class ProbeJob(Struct, frozen=True, kw_only=True):
    """One model to look at."""

    kind: SourceKind
    model: str
    """An absolute path."""
    origin: str
    """What a person calls it, for messages."""
    size_wh: tuple[int, int] | None = None
    """Of the picture, where the graph may leave it open."""


class Hints(Struct, frozen=True, kw_only=True):
    """What the graph itself says beyond its tensors."""

    quantised: bool = False
    """Whether it computes in whole numbers, so that nothing is left to calibrate."""
    ends_with: dict[str, Literal["softmax", "sigmoid"]] = {}
    """By output, where that is its last operator."""
    ready_boxes: tuple[str, ...] = ()
    """The outputs of `TFLite_Detection_PostProcess`: boxes, classes, scores, count."""
    packed: Packed | None = None


class Seen(Struct, frozen=True, kw_only=True):
    """What was seen."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    hints: Hints
    peak_bytes: int
    """Of the process: library, model and working memory."""
