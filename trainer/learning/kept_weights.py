"""Which weights a finished training keeps: those of the best epoch, or those it ended with.

A cosine ends in its best weights unless the network has begun to learn its pictures by heart, and the epoch with the
lowest validation loss is partly luck: with twenty validation pictures, mostly. So the last weights stay unless
they are worse by more than one standard error of the difference, picture by picture (the one-standard-error rule of
Breiman et al., Classification and Regression Trees, 1984).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_SMALLEST = 1e-7
"""Stands in for a score of zero, as in Keras' own cross-entropy."""


def cross_entropies(scores: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """-log of the score of the true class, (N,), from scores (N, classes) and labels (N,)."""
    true = scores[np.arange(len(labels)), labels].astype(np.float64)
    return -np.log(np.maximum(true, _SMALLEST))


def last_will_do(last: NDArray[np.float64], best: NDArray[np.float64]) -> bool:
    """Whether losses (N,) of the last epoch are as good as those of the best, within one standard error."""
    worse = last - best
    error = float(worse.std(ddof=1)) / math.sqrt(len(worse)) if len(worse) > 1 else 0.0
    return float(worse.mean()) <= error
