"""The drift reference of a trained model: its test pictures and its own answers to them, before any conversion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from contract.reference import FLOAT, Reference
from edge.drift.profile import Answers, reference_of


def reference(frames: NDArray[np.uint8], scores: NDArray[np.float32], labels: Sequence[str]) -> Reference:
    """From fitted pictures (N, H, W, C) and the model's scores (N, classes) for them."""
    first = [labels[index] for index in scores.argmax(axis=1)]
    return reference_of(frames, Answers(first, scores.max(axis=1)), labels, made_with=FLOAT)
