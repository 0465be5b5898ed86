"""Which values do not belong to the rest, for sets that nobody promised to be normally distributed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_FROM = 20
"""Values from which a set has a rest to be compared with."""
_MOST = 0.05
"""Share from which values are no outliers but another kind of picture, which the set is meant to have."""
_SCALE = 1.4826
"""Makes the median absolute deviation the standard deviation of a normal distribution."""


def deviations(values: Sequence[float], *, least_spread: float) -> NDArray[np.float64]:
    """(N,) distances from the median in robust standard deviations, these no smaller than `least_spread`.

    All zero for fewer than 20 values. `least_spread` is what a difference must be to be seen at all: in a set of equal
    pictures every hair's breadth would be an outlier otherwise.
    """
    found = np.asarray(values, np.float64)
    if len(found) < _FROM:
        return np.zeros(len(found))
    distances = found - np.median(found)
    return np.asarray(distances / max(_SCALE * float(np.median(np.abs(distances))), least_spread))


def rare(standing_out: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """`standing_out` (N,), or nobody where they are more than one in twenty."""
    return standing_out if standing_out.mean() <= _MOST else np.zeros_like(standing_out)
