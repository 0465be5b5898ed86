"""Where the values of one feature are counted: the bins of a histogram, or one cell a label."""

from __future__ import annotations

from bisect import bisect_right
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from contract.reference import CLASSES, Histogram, Reference
from edge.drift import distances
from edge.drift.distances import Counts, Numbers

BINS = 10
"""At most; the threshold of a distance grows with the bins, and a window holds some dozens of frames."""
MOST_LABELS = 20
"""Cells for labels; rarer ones share the last."""
_DIGITS = 6
"""Edges are rounded so that the file does not carry noise of the last bit."""


class Cells(Protocol):
    """One feature: the reference's counts and the way to compare with them."""

    known: Counts
    """(cells,) of the reference."""

    def distance(self, window: Counts, known: Counts) -> Numbers:
        """Between counts (..., cells)."""
        ...


class Bins:
    """Of a number."""

    def __init__(self, histogram: Histogram) -> None:
        self.known = np.array(histogram.counts, np.int64)
        self._inner = histogram.edges[1:-1]

    def place(self, value: float) -> int:
        """The bin of `value`; what is not possible counts at the nearer end."""
        return bisect_right(self._inner, value)

    def distance(self, window: Counts, known: Counts) -> Numbers:
        """For values that have an order."""
        return distances.ordered(window, known)


class Labels:
    """Of a first answer: the commonest labels in the reference's order, then everything else and no answer."""

    def __init__(self, reference: Reference) -> None:
        shares = reference.classes
        commonest = sorted(shares, key=lambda label: -shares[label])[: MOST_LABELS - 1]
        kept = [label for label in shares if label in set(commonest)]
        self._places = {label: place for place, label in enumerate(kept)}
        total = sum(reference.confidence.counts)
        counts = [round(shares[label] * total) for label in kept]
        self.known = np.array([*counts, max(total - sum(counts), 0)], np.int64)

    def place(self, label: str | None) -> int:
        """The cell of a label; None for no answer."""
        return self._places.get(label or "", len(self._places))

    def distance(self, window: Counts, known: Counts) -> Numbers:
        """For values without an order."""
        return distances.unordered(window, known)


def cells_of(reference: Reference) -> dict[str, Bins | Labels]:
    """Every counted feature of a reference, by name."""
    bins: dict[str, Bins | Labels] = {name: Bins(found) for name, found in reference.histograms().items()}
    return {**bins, CLASSES: Labels(reference)}


def histogram(
    values: NDArray[np.floating], *, lowest: float, highest: float, weights: Numbers | None = None
) -> Histogram:
    """Of `values` (N,), cut at about their own quantiles; fewer bins where many values are equal.

    Cuts lie midway between two values that occurred: a quantised score keeps its bin when it is computed anew with
    another rounding. `weights` (N,) say how many pictures each value stands for.
    """
    held = np.asarray(values.clip(lowest, highest), np.float64)
    weights = np.ones(len(values)) if weights is None else weights
    inner = _cuts(held, weights)
    edges = np.unique(np.concatenate([[lowest], inner[(inner > lowest) & (inner < highest)], [highest]]))
    counts, _ = np.histogram(held, edges, weights=weights)
    return Histogram(edges=tuple(map(float, edges)), counts=tuple(round(count) for count in counts.tolist()))


def _cuts(values: Numbers, weights: Numbers) -> Numbers:
    """At most BINS - 1 places between neighbouring values; around the only value, where all are equal."""
    distinct, group = np.unique(values, return_inverse=True)
    if len(distinct) == 1:
        width = max(abs(float(distinct[0])) * 1e-3, 1e-3)
        return np.array([distinct[0] - width, distinct[0] + width])
    below = np.cumsum(np.bincount(group.ravel(), weights))[:-1] / weights.sum()
    wanted = np.arange(1, BINS) / BINS
    nearest = np.abs(below[None, :] - wanted[:, None]).argmin(axis=1)
    cuts: Numbers = ((distinct[:-1] + distinct[1:]) / 2)[np.unique(nearest)]
    return cuts.round(_DIGITS)
