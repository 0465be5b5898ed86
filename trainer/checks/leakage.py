"""What else ties pictures of different splits together: a group they share, or a row of file names that was one burst.

A camera numbers its pictures. Where neighbouring numbers look alike far more often than any two pictures of the set,
the numbers are time, and neighbours in different splits show one scene.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from trainer.checks.examined import Examined, Seen
from trainer.checks.finding import Finding, Named, of_pictures

_NUMBER = re.compile(r"^(.*?)(\d+)\D*$")
_NEIGHBOURS = 3
"""Numbers further apart are no neighbours: cameras and people leave some out."""
_ALIKE = 0.02
"""Share of random pairs of the same series that look as alike as a burst does."""
_TIMES = 10.0
"""So many times that share among neighbours is no chance."""
_LEAST_PAIRS = 20
"""Neighbours below which nothing is said."""
_RANDOM_PAIRS = 4000

Numbered = tuple[int, int]
"""The number in a name, and the picture's position."""


def of_leakage(seen: Examined) -> Iterator[Finding]:
    """Groups across splits and bursts across splits; bursts at all, where training would cut the splits."""
    groups: dict[str, list[Seen]] = defaultdict(list)
    for read in seen.good:
        if read.listed.group is not None and read.listed.split:
            groups[read.listed.group].append(read)
    torn = {name: reads for name, reads in groups.items() if len({read.listed.split for read in reads}) > 1}
    found: list[tuple[Named, str]] = [
        (tuple(read.listed.name for read in reads), f"group {name}") for name, reads in torn.items()
    ]
    yield from of_pictures("group-across-splits", "error", found, what="groups with pictures in different splits",
                           fix="Move each group to one split.")  # fmt: skip
    yield from _of_bursts(seen)


def _of_bursts(seen: Examined) -> Iterator[Finding]:
    alike = [(one, other) for one, other in bursts(seen.good) if _separable(one, other)]
    if seen.origin.has_splits:
        pairs: list[tuple[Named, str]] = [((one.listed.name, other.listed.name), "") for one, other in alike]
        yield from of_pictures(
            "bursts-across-splits", "warning", pairs, joined=" ~ ",
            what="pictures with neighbouring numbers that look alike and stand in different splits",
            fix="Split by series of pictures rather than by picture: what is measured was nearly learnt from.",
        )  # fmt: skip
        return
    runs: list[tuple[Named, str]] = [(tuple(read.listed.name for read in run), "") for run in _runs(alike)]
    yield from of_pictures(
        "bursts", "warning", runs, joined=" ~ ",
        what="series of pictures with neighbouring numbers that look alike; splits cut at random would tear them apart",
        fix="Give each series a group, or lay the pictures out in train, validation and test by series.",
    )  # fmt: skip


def _separable(one: Seen, other: Seen) -> bool:
    """Whether a split stands, or may come to stand, between them."""
    return one.listed.split is None or one.listed.split != other.listed.split


def bursts(reads: Sequence[Seen]) -> list[tuple[Seen, Seen]]:
    """Neighbours by number that look alike; none where neighbours look no more alike than others do."""
    series = _series(reads)
    neighbours = [pair for numbered in series for pair in _neighbours(numbered)]
    if len(neighbours) < _LEAST_PAIRS:
        return []
    shown = _shown(reads)
    limit = float(np.quantile(_distances(shown, _random_pairs(series)), _ALIKE))
    alike = _distances(shown, np.array(neighbours)) < limit
    if alike.mean() < _TIMES * _ALIKE:
        return []
    return [(reads[i], reads[j]) for (i, j), close in zip(neighbours, alike, strict=True) if close]


def _series(reads: Sequence[Seen]) -> list[list[Numbered]]:
    """Pictures of one label whose names differ in their number alone, in whichever folder they lie, by number.

    Of one label, since pictures of a class look alike anyway and are often numbered in a row.
    """
    series: dict[tuple[str, str], list[Numbered]] = defaultdict(list)
    for position, read in enumerate(reads):
        found = _NUMBER.match(read.listed.name.rsplit("/", 1)[-1])
        if found is not None and len(found[2]) <= 18:
            series[found[1], str(read.listed.label)].append((int(found[2]), position))
    return [sorted(numbered) for numbered in series.values() if len(numbered) > 1]


def _neighbours(series: Sequence[Numbered]) -> list[tuple[int, int]]:
    """Positions of pictures whose numbers follow each other closely."""
    return [(one, other) for (low, one), (high, other) in pairwise(series) if high - low <= _NEIGHBOURS]


def _random_pairs(series: Sequence[Sequence[Numbered]]) -> NDArray[np.int64]:
    """(P, 2) positions of different pictures of one series, long series the more often."""
    drawn = np.random.default_rng(0)
    lengths = np.array([len(numbered) for numbered in series])
    pairs = []
    for which in drawn.choice(len(series), _RANDOM_PAIRS, p=lengths / lengths.sum()).tolist():
        one, other = drawn.choice(len(series[which]), 2, replace=False).tolist()
        pairs.append((series[which][one][1], series[which][other][1]))
    return np.array(pairs, np.int64)


def _shown(reads: Sequence[Seen]) -> NDArray[np.float32]:
    """(N, V) thumbnails less their own mean brightness."""
    values = np.array([read.made.near.thumbnail[::4, ::4] for read in reads], np.float32).reshape(len(reads), -1)
    return np.asarray(values - values.mean(axis=1, keepdims=True))


def _distances(shown: NDArray[np.float32], pairs: NDArray[np.int64]) -> NDArray[np.float32]:
    difference = shown[pairs[:, 0]] - shown[pairs[:, 1]]
    return np.asarray(np.sqrt((difference**2).mean(axis=1)))


def _runs(pairs: Sequence[tuple[Seen, Seen]]) -> list[list[Seen]]:
    """Pairs that share a picture, in one row; `pairs` are in the order of their numbers."""
    runs: list[list[Seen]] = []
    for one, other in pairs:
        if runs and runs[-1][-1] is one:
            runs[-1].append(other)
        else:
            runs.append([one, other])
    return runs
