"""The pictures a run keeps beside its model: for calibration, for golden checks, and mistakes worth looking at.

Samples are spread over the classes as evenly as the pictures allow, and are the same for equal data: which pictures
stand in them follows from their digests.
"""

from __future__ import annotations

import io
from itertools import chain, zip_longest

import numpy as np
from numpy.typing import NDArray

from trainer.data.dataset import Pictures

CALIBRATION_LIMIT = 256
"""Some 100 to 500 pictures are what converters ask for; more only widens ranges that minima and maxima give."""
GOLDEN_LIMIT = 1024


def spread_over_classes(pictures: Pictures, limit: int) -> NDArray[np.int64]:
    """Indices of at most `limit` pictures, ascending, taken from the classes in turn, by digest within a class."""
    order = sorted(range(len(pictures)), key=lambda index: (pictures.digests[index], index))
    by_class = [[i for i in order if pictures.labels[i] == label] for label in np.unique(pictures.labels)]
    in_turn = (index for index in chain.from_iterable(zip_longest(*by_class)) if index is not None)
    return np.array(sorted(index for index, _ in zip(in_turn, range(limit), strict=False)), np.int64)


def packed(pictures: Pictures, limit: int) -> bytes:
    """`calibration.npz` or `golden.npz`: `frames` (N, H, W, C) uint8 and `labels` (N,) int64; equal bytes for equal
    pictures, since numpy dates its archives 1980.
    """
    chosen = pictures.take(spread_over_classes(pictures, limit))
    stream = io.BytesIO()
    np.savez_compressed(stream, frames=chosen.frames, labels=chosen.labels)
    return stream.getvalue()
