"""Which picture is for what: given splits are kept, missing ones are made, and no picture stands in two of them.

Pictures are told apart by the digest of their pixels, so a split depends on the seed, the labels and the pictures, and
not on file names, folders or the order of reading. Equal pictures always go to the same split, and so do those with
other ties (`ties.py`). Where a folder gave equal pictures to two splits, the copy used for training is left
out: measured pictures are never trained on. Near copies and groups across given splits are left as they were given.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contract.errors import DataError
from trainer.data.origin import SPLITS, SplitName
from trainer.data.ties import Ties
from trainer.data.unit_cut import newest, stratified
from trainer.settings import DataSettings

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Assignment:
    """Pictures by split, as ascending indices into what was read."""

    indices: Mapping[SplitName, Indices]
    left_out: Indices
    """Copies of pictures that are measured elsewhere."""


def assign(
    digests: Sequence[str],
    labels: NDArray[np.int64],
    given: Sequence[SplitName | None],
    *,
    seed: int,
    settings: DataSettings,
    names: Sequence[str],
    where: str,
    ties: Ties | None = None,
    every_class: bool = True,
) -> Assignment:
    """Three splits for pictures with these `digests` and `labels` (N,); `names` are the classes'.

    Only train and validation given: the validation pictures become the test split, and a new validation split is cut
    out of train, so that what is reported was never looked at. DataError names classes with too few pictures, unless
    `every_class` is false: detectors are stratified by the most frequent class, -1 where a picture shows nothing.
    """
    split = _as_measured(given)
    split, left_out = _without_copies(digests, split)
    drawn = np.random.default_rng(seed)
    cut = _Cut(digests, labels, names, where, ties or Ties(), every_class)
    shares: tuple[tuple[SplitName, float], ...] = (
        ("test", settings.test_share),
        ("validation", settings.validation_share),
    )
    for into, share in shares:
        if into not in split:
            split = cut.out_of_train(split, into, share, drawn)
    found = np.array([part or "" for part in split])
    return Assignment({part: np.flatnonzero(found == part) for part in SPLITS}, np.array(left_out, np.int64))


def _as_measured(given: Sequence[SplitName | None]) -> list[SplitName | None]:
    """Unsplit pictures start in train; a lone validation split is promoted to test."""
    promote = "validation" in given and "test" not in given
    return ["test" if promote and split == "validation" else split or "train" for split in given]


def _without_copies(digests: Sequence[str], split: list[SplitName | None]) -> tuple[list[SplitName | None], list[int]]:
    """Of equal pictures in several splits only those of the most protected one stay: test, then validation."""
    protected: dict[str, int] = defaultdict(int)
    rank = {None: -1, "train": 0, "validation": 1, "test": 2}
    for digest, part in zip(digests, split, strict=True):
        protected[digest] = max(protected[digest], rank[part])
    left_out = [i for i, digest in enumerate(digests) if rank[split[i]] < protected[digest]]
    gone = set(left_out)
    return [None if i in gone else part for i, part in enumerate(split)], left_out


@dataclass(frozen=True, slots=True)
class _Cut:
    """Cuts a share out of the training pictures: stratified, or the newest of them."""

    digests: Sequence[str]
    labels: NDArray[np.int64]
    names: Sequence[str]
    where: str
    ties: Ties
    every_class: bool

    def out_of_train(
        self, split: list[SplitName | None], into: SplitName, share: float, drawn: np.random.Generator
    ) -> list[SplitName | None]:
        """`split` with `share` of the training pictures moved there, never fewer than one picture."""
        units = self.ties.units(self.digests, np.flatnonzero(np.array([part == "train" for part in split])))
        if self.ties.times:
            chosen = self._newest(units, into, share)
        elif self.every_class and all(len({self.digests[index] for index in unit}) == 1 for unit in units):
            chosen = self._class_by_class(split, into, share, drawn)
        else:
            chosen = self._stratified(units, into, share, drawn)
        moved = list(split)
        for index in chosen:
            moved[index] = into
        return moved

    def _newest(self, units: list[list[int]], into: SplitName, share: float) -> list[int]:
        times = [max(self.ties.times[index] for index in unit) for unit in units]
        taken = newest([len(unit) for unit in units], times, share)
        if not taken:
            raise DataError(
                f"all pictures belong together or are of one time: no {into} split can be cut out of them",
                where=self.where,
                fix="Add pictures of another time, or split otherwise (data.split_by).",
            )
        return [index for number in taken for index in units[number]]

    def _stratified(
        self, units: list[list[int]], into: SplitName, share: float, drawn: np.random.Generator
    ) -> list[int]:
        """Whole units; a picture that shows nothing counts as of a class of its own."""
        counts = np.zeros((len(units), len(self.names) + 1), np.int64)
        for number, unit in enumerate(units):
            np.add.at(counts[number], self.labels[unit], 1)  # -1 is the last column
        if self.every_class:
            self._check_units(counts[:, :-1], into)
        taken = stratified(counts, share, drawn)
        chosen = [index for number in taken for index in units[number]]
        without = [name for number, name in enumerate(self.names) if not counts[taken, number].any()]
        if not taken or (self.every_class and without):
            about = f"class {without[0]!r}" if self.every_class and without else "every picture"
            raise self._tied(f"{about} hangs together with others", into)
        return chosen

    def _check_units(self, counts: NDArray[np.int64], into: SplitName) -> None:
        for number, name in enumerate(self.names):
            pictures = int(counts[:, number].sum())
            if pictures < 2:
                raise self._too_few(name, into)
            if np.count_nonzero(counts[:, number]) < 2:
                raise self._tied(f"the {pictures} pictures of class {name!r} that are left belong together", into)

    def _too_few(self, name: str, into: SplitName) -> DataError:
        return DataError(
            f"class {name!r} has too few different pictures to cut a {into} split out of them",
            where=self.where,
            fix="Add pictures of it: at least 3, and some dozens to learn anything.",
        )

    def _tied(self, what: str, into: SplitName) -> DataError:
        return DataError(
            f"{what}: no {into} split can be cut out of them",
            where=self.where,
            fix="Add pictures of other groups that are no near copies, or let near copies part: "
            "near_duplicates = 'ignore' below [data].",
        )

    def _class_by_class(
        self, split: list[SplitName | None], into: SplitName, share: float, drawn: np.random.Generator
    ) -> list[int]:
        """Where only equal pictures are tied."""
        groups = self._groups(split)
        chosen: list[int] = []
        for label, name in enumerate(self.names):
            mine = groups[label]
            if len(mine) < 2:
                raise self._too_few(name, into)
            wanted = max(1, round(share * sum(len(group) for group in mine)))
            chosen += [index for group in self._drawn(mine, wanted, drawn) for index in group]
        return chosen

    def _groups(self, split: list[SplitName | None]) -> dict[int, list[list[int]]]:
        """By class: the training pictures, equal ones together, in the order of their digests.

        Equal pictures under two labels stand with the smaller one, so that they stay together as well.
        """
        same: dict[str, list[int]] = defaultdict(list)
        for index, part in enumerate(split):
            if part == "train":
                same[self.digests[index]].append(index)
        groups: dict[int, list[list[int]]] = defaultdict(list)
        for digest in sorted(same):
            groups[int(self.labels[same[digest]].min())].append(same[digest])
        return groups

    @staticmethod
    def _drawn(groups: list[list[int]], wanted: int, drawn: np.random.Generator) -> list[list[int]]:
        """Groups at random until `wanted` pictures are together, leaving at least one group behind."""
        taken: list[list[int]] = []
        pictures = 0
        for position in drawn.permutation(len(groups))[: len(groups) - 1]:
            if pictures >= wanted:
                break
            taken.append(groups[position])
            pictures += len(groups[position])
        return taken
