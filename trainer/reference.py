"""The drift reference of a trained model: brightness, contrast, confidence and answers on its test split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from contract.reference import Histogram, Reference

BINS = 10
"""At most; the threshold of a distance grows with the bins, and a device's window holds some dozens of frames."""
MADE_WITH = "float"
_BRIGHTEST, _GREATEST_CONTRAST = 255.0, 127.5
_DIGITS = 6
"""Edges are rounded so that the file does not carry noise of the last bit."""


def reference(frames: NDArray[np.uint8], scores: NDArray[np.float32], labels: Sequence[str]) -> Reference:
    """From fitted pictures (N, H, W, C) and the model's scores (N, classes) for them."""
    first = scores.argmax(axis=1)
    shares = np.bincount(first, minlength=len(labels)) / len(first)
    return Reference(
        made_with=MADE_WITH,
        pictures=len(frames),
        brightness=histogram(frames.mean(axis=(1, 2, 3)), lowest=0.0, highest=_BRIGHTEST),
        contrast=histogram(frames.std(axis=(1, 2, 3)), lowest=0.0, highest=_GREATEST_CONTRAST),
        confidence=histogram(scores.max(axis=1), lowest=0.0, highest=1.0),
        classes={label: float(share) for label, share in zip(labels, shares, strict=True)},
    )


def histogram(values: NDArray[np.floating], *, lowest: float, highest: float) -> Histogram:
    """Of `values` (N,), between their own quantiles; fewer bins where many values are equal."""
    inner = np.quantile(values, np.arange(1, BINS) / BINS).round(_DIGITS)
    edges = np.unique(np.concatenate([[lowest], inner[(inner > lowest) & (inner < highest)], [highest]]))
    counts, _ = np.histogram(np.clip(values, lowest, highest), edges)
    return Histogram(edges=tuple(map(float, edges)), counts=tuple(map(int, counts)))
