"""Three splits of pictures that come in groups: a group stands in one split, and the shares are met as well as it can.

Groups are uneven and hold uneven classes, so a single draw may leave a class out; of some hundred seeded draws the one
whose classes lie nearest to the wanted shares is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.data.origin import SplitName
from trainer.settings import DataSettings

_DRAWS = 300
_FEWEST = 2
"""Groups; of a single one no picture could be measured that its likes were not trained on."""


@dataclass(frozen=True, slots=True)
class GroupSplits:
    """What `assign_groups` came to."""

    splits: tuple[SplitName, ...]
    """Of each picture."""
    groups: int
    by_group: bool
    """False where there was one group alone, and pictures were drawn one by one: measured ones have near relatives
    among the trained ones, and their figures flatter."""


def assign_groups(
    digests: Sequence[str],
    groups: Sequence[str | None],
    shown: NDArray[np.float64],
    *,
    new_classes: Sequence[int],
    seed: int,
    settings: DataSettings,
) -> GroupSplits:
    """Splits for pictures with these different `digests` (N,) and `groups` (N,).

    `shown` (N, classes) is 1 where a picture shows a class.
    A picture without a group is one of its own. Pictures of `new_classes` are trained on before they are measured.
    With fewer than three groups none is validated on.
    """
    names = [group if group is not None else digest for group, digest in zip(groups, digests, strict=True)]
    found = len(set(names))
    by_group = found >= _FEWEST
    units = sorted(set(names if by_group else digests))
    place = {unit: number for number, unit in enumerate(units)}
    unit_of = np.array([place[unit] for unit in (names if by_group else digests)])
    counts = np.zeros((len(units), shown.shape[1]))
    np.add.at(counts, unit_of, shown)
    sizes = np.bincount(unit_of, minlength=len(units)).astype(np.float64)
    drawn = _best(counts, sizes, new_classes, np.random.default_rng(seed), settings)
    return GroupSplits(tuple(drawn[unit] for unit in unit_of), found, by_group)


def _best(
    counts: NDArray[np.float64],
    sizes: NDArray[np.float64],
    new_classes: Sequence[int],
    draws: np.random.Generator,
    settings: DataSettings,
) -> list[SplitName]:
    """The split of each unit, by `counts` (units, classes) and pictures `sizes` (units,)."""
    shares = (settings.test_share, (1.0 - settings.test_share) * settings.validation_share)
    wanted = [counts.sum(axis=0) * share for share in shares]
    best, least = np.zeros(len(counts), int), np.inf
    for _ in range(_DRAWS):
        order = draws.permutation(len(counts))
        split = _cut(sizes, order, shares)
        apart = sum(
            float(np.abs(counts[split == number].sum(axis=0) - want).sum()) for number, want in enumerate(wanted, 1)
        )
        untrained = sum(1 for label in new_classes if not counts[split == 0, label].sum())
        if apart + untrained * counts.sum() < least:
            best, least = split, apart + untrained * counts.sum()
    names: tuple[SplitName, ...] = ("train", "test", "validation")
    return [names[number] for number in best]


def _cut(sizes: NDArray[np.float64], order: NDArray[np.int64], shares: tuple[float, float]) -> NDArray[np.int64]:
    """0 for train, 1 for test, 2 for validation: units in `order` until each share is met, one left for train."""
    upto = np.cumsum(sizes[order])
    split = np.zeros(len(sizes), np.int64)
    if len(sizes) < _FEWEST:
        return split
    test = min(int(np.searchsorted(upto, upto[-1] * shares[0])) + 1, len(order) - 1)
    until = min(int(np.searchsorted(upto, upto[test - 1] + upto[-1] * shares[1])) + 1, len(order) - 1)
    split[order[:test]] = 1
    if len(order) > _FEWEST:
        split[order[test : max(until, test)]] = 2
    return split
