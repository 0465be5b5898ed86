"""Boxes of many pictures as arrays: what a person marked, and what a detector found when it is asked for its doubts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from contract.decoding import Decoding
from contract.result import Detection

LOWEST, MOST = 0.01, 400
"""Scores from here on are asked for, and so many boxes a picture: COCO's limit of 100 is one a class."""

D = TypeVar("D", bound=Decoding)


@dataclass(frozen=True, slots=True)
class Marked:
    """What is marked in one picture."""

    boxes: NDArray[np.float32]
    """(M, 4) left, top, right, bottom in pixels of the fitted picture."""
    labels: NDArray[np.int64]
    """(M,) class numbers."""
    crowd: NDArray[np.bool_]
    """(M,) regions where nothing is learnt or counted."""

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class Found:
    """What a detector found in one picture."""

    boxes: NDArray[np.float32]
    """(K, 4) left, top, right, bottom in the pixels the truth is in."""
    labels: NDArray[np.int64]
    scores: NDArray[np.float32]
    """0..1."""


def unpacked(stored: Mapping[str, NDArray[Any]], pictures: int) -> tuple[Marked, ...]:
    """One `Marked` a picture, from the arrays of a run's `calibration.npz` or `golden.npz` (`contract/run.py`).

    ValueError or KeyError where they do not fit each other.
    """
    boxes, labels, picture = stored["boxes"], stored["box_labels"].astype(np.int64), stored["box_picture"]
    crowd = stored["box_crowd"].astype(np.bool_) if "box_crowd" in stored else np.zeros(len(labels), np.bool_)
    fits = boxes.shape == (len(labels), 4) and len(labels) == len(picture) == len(crowd)
    if not fits or not ((picture >= 0) & (picture < pictures)).all():
        raise ValueError(f"boxes {boxes.shape}, labels {labels.shape}, pictures {picture.shape}")
    return tuple(
        Marked(boxes[picture == number].astype(np.float32), labels[picture == number], crowd[picture == number])
        for number in range(pictures)
    )


def as_found(detections: Sequence[Detection]) -> Found:
    """Detections as arrays."""
    return Found(
        boxes=np.array([one.box_xyxy_px for one in detections], np.float32).reshape(-1, 4),
        labels=np.array([one.index for one in detections], np.int64),
        scores=np.array([one.score for one in detections], np.float32),
    )


def lowered(decoding: D) -> D:
    """The same from a low score on, with as many boxes as average precision may look at."""
    asked = {"score_threshold": LOWEST, "max_detections": MOST}
    known = {key: value for key, value in asked.items() if hasattr(decoding, key)}
    return replace(decoding, **known)
