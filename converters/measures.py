"""How far two sets of numbers are apart: pure functions over real values of one output, (N, ...).

Plain cosine similarity is not used: a constant offset fools it. A model whose answers are off by one number everywhere
has a cosine of nearly 1, and a centred correlation that says so.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.floating]


def sqnr_db(signal: Real, answer: Real) -> float:
    """Signal to quantisation noise, 10 log10(sum(s^2) / sum((s - a)^2)); infinite for equal numbers."""
    signal64 = signal.astype(np.float64)
    power, noise = np.square(signal64).sum(), np.square(signal64 - answer).sum()
    if noise == 0:
        return math.inf
    return 10 * math.log10(power / noise) if power > 0 else -math.inf


def centred_correlation(signal: Real, answer: Real) -> float:
    """Pearson's correlation over all values, -1..1; 1 where both never change, 0 where only one does."""
    one, other = (values.astype(np.float64).ravel() - values.mean(dtype=np.float64) for values in (signal, answer))
    lengths = float(np.linalg.norm(one)), float(np.linalg.norm(other))
    if min(lengths) == 0:
        return float(lengths[0] == lengths[1])
    return float(one @ other / (lengths[0] * lengths[1]))


def relative_error(signal: Real, answer: Real) -> float:
    """Largest error over the largest value of the signal: what float parity is judged by."""
    largest = float(np.abs(signal).max(initial=0.0))
    error = float(np.abs(signal.astype(np.float64) - answer).max(initial=0.0))
    return error / largest if largest else error
