"""Which frames travel in a bundle as golden frames, and how far a device's answer may lie off.

How they are packed and checked on the device stands in `edge/golden.py`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from contract.manifest import TensorSpec

LIMIT = 16
STEPS = 8
"""Kernels of one library differ by up to 7 quantisation steps at the output (XNNPACK against the reference ones)."""


def tolerance(output: TensorSpec, scores: NDArray[np.floating]) -> float:
    """Largest difference of a real output value that is still the same answer.

    `STEPS` of the output's own quantisation, or of 1/256 of the range seen where the output is floating point.
    """
    if output.quantization is not None:
        return STEPS * output.quantization.scale
    return STEPS * float(np.ptp(scores)) / 256


def choose(labels: NDArray[np.int64], scores: NDArray[np.floating], allowed: float) -> NDArray[np.int64]:
    """Indices of at most `LIMIT` frames, spread over the classes, in the order of the set.

    Only frames whose first answer cannot change by an `allowed` difference of every score; where there is no such
    frame at all, none is chosen.
    """
    first_two = np.sort(scores, axis=1)[:, -2:]
    firm = np.flatnonzero(first_two[:, 1] - first_two[:, 0] > 2 * allowed)
    turn = np.empty(len(firm), np.int64)
    for label in np.unique(labels[firm]):
        members = labels[firm] == label
        turn[members] = np.arange(members.sum())
    return np.sort(firm[np.lexsort((labels[firm], turn))][:LIMIT])
