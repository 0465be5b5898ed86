"""A model that somebody wants on devices, and all that its graph cannot tell: one shape for runs and foreign files.

`converters/sources/` makes it, one file a kind; everything after that sees this struct alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from contract.digest import digest_of
from contract.manifest import Decoding, Preprocessing, State, Task
from edge.marked import Marked

SourceKind = Literal["keras", "saved-model", "onnx", "tflite"]
Truth = NDArray[np.int64] | tuple[Marked, ...]
"""The classes (N,) of pictures, or the boxes in each of them."""
UNKNOWN = -1
"""The class of a picture nobody labelled."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """Fitted pictures and, where known, their classes."""

    frames: NDArray[Any]
    """(N, height, width, channels) uint8 in the model's size and colour order. Of a model that is fed numbers
    (N, K) float64, the real values of all its inputs one after another."""
    labels: NDArray[np.int64]
    """(N,), indices into the model's labels, or `UNKNOWN`."""
    marked: tuple[Marked, ...] = ()
    """Of pictures for a detector, what is marked in each; empty where that is not known."""

    @property
    def digest(self) -> str:
        """Of shape, pixels, labels and boxes; the file around them may differ from one writing to the next."""
        head = repr((self.frames.shape, self.labels.shape)).encode()
        boxes = b"".join(one.boxes.astype("<f4").tobytes() + one.labels.astype("<i8").tobytes() for one in self.marked)
        return digest_of(head + self.frames.tobytes() + self.labels.astype("<i8").tobytes() + boxes)

    @property
    def labelled(self) -> bool:
        """Whether every picture's class is known, so that accuracy can be told."""
        return len(self.labels) > 0 and bool((self.labels != UNKNOWN).all())

    @property
    def truth(self) -> Truth | None:
        """What the task's metric is measured by: what is marked, or the classes; None where neither is known."""
        return self.marked or (self.labels if self.labelled else None)


@dataclass(frozen=True, slots=True)
class Source:
    """Everything a conversion takes from a person."""

    name: str
    """A model name as the contract wants it."""
    origin: str
    """What the person called it, for messages."""
    kind: SourceKind
    model: Path
    """A file; a folder for `saved-model`."""
    preprocessing: Preprocessing
    """As the source is fed; an artifact with another layout says so itself."""
    task: Task
    outputs: tuple[str, ...]
    """Names of the source's outputs in its own order. Artifacts' outputs are matched with them one by one."""
    decoding: Decoding
    """Speaks of `outputs`."""
    labels: tuple[str, ...]
    states: tuple[State, ...]
    calibration: Pictures
    """What the quantiser sees; never a golden picture."""
    golden: Pictures
    """What source and artifacts are compared on: never seen in training where that is known."""
    lineage: dict[str, str]
    """Digests of what it was made from: `weights` always, `dataset` where known."""
    card: bytes
    """Markdown; empty where there is none."""
    test_classes: Mapping[str, int] = field(default_factory=dict)
    """Pictures of the whole test split by label, where known: the golden ones may be as many of each class."""
    quantised: bool = False
    """Whether it computes in whole numbers already, so that `calibration` is empty."""
    metric: str = ""
    """What the person calls the task's measure; empty for its usual name."""
    reference: Source | None = None
    """Another file said to be the same network, with the same golden pictures."""
    trained_int8: Path | None = None
    """The same network as an int8 `.tflite` that was trained with the rounding in view; runs alone may have one."""
    notes: tuple[str, ...] = ()
    """What was taken from where, a sentence each: everything here that nobody said."""
