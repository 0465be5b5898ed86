"""Pictures that stay together are units; here a share of them is cut out, even over the classes or the newest first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


def stratified(counts: Counts, share: float, drawn: np.random.Generator) -> list[int]:
    """Units (rows of `counts`, (U, C) pictures by class) that together hold about `share` of each class.

    Large units first, in random order within one size, each taken where that brings the classes nearer to their
    shares; then one for each class that has none yet. Of no class the last unit is taken.
    """
    wanted = share * counts.sum(axis=0)
    scale = np.maximum(wanted, 0.5)
    left = (counts > 0).sum(axis=0)
    held = np.zeros(counts.shape[1])
    taken: list[int] = []

    def distance(with_unit: NDArray[np.float64]) -> float:
        return float((((with_unit - wanted) ** 2) / scale).sum())

    def spared(unit: int) -> bool:
        return bool((left[counts[unit] > 0] < 2).any())

    def take(unit: int) -> None:
        nonlocal held, left
        held = held + counts[unit]
        left = left - (counts[unit] > 0)
        taken.append(unit)

    sizes = counts.sum(axis=1)
    for unit in sorted(drawn.permutation(len(counts)).tolist(), key=lambda unit: -int(sizes[unit])):
        if not spared(unit) and distance(held + counts[unit]) < distance(held):
            take(unit)
    for label in np.argsort(left, kind="stable").tolist():
        # None of its units is taken yet where it holds nothing.
        possible = [unit for unit in np.flatnonzero(counts[:, label]).tolist() if not held[label] and not spared(unit)]
        if possible:
            take(min(possible, key=lambda unit: distance(held + counts[unit])))
    return sorted(taken)


def newest(sizes: Sequence[int], times: Sequence[float], share: float) -> list[int]:
    """The latest units that together come nearest to `share` of all pictures: one at least, never all."""
    wanted = share * sum(sizes)
    order = sorted(range(len(sizes)), key=lambda unit: -times[unit])
    taken: list[int] = []
    held = 0
    for unit in order[: len(order) - 1]:
        if taken and abs(held + sizes[unit] - wanted) >= abs(held - wanted):
            break
        taken.append(unit)
        held += sizes[unit]
    return sorted(taken)
