"""Which picture is for what: given splits are kept, missing ones are made, and no picture stands in two of them.

Pictures are told apart by the digest of their pixels, so a split depends on the seed, the labels and the pictures, and
not on file names, folders or the order of reading. Equal pictures always go to the same split. Where a folder gave
equal pictures to two splits, the copy used for training is left out: measured pictures are never trained on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contract.errors import DataError
from trainer.origin import SPLITS, SplitName
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
) -> Assignment:
    """Three splits for pictures with these `digests` and `labels` (N,); `names` are the classes'.

    Only train and validation given: the validation pictures become the test split, and a new validation split is cut
    out of train, so that what is reported was never looked at. DataError names classes with too few pictures.
    """
    split = _as_measured(given)
    split, left_out = _without_copies(digests, split)
    drawn = np.random.default_rng(seed)
    cut = _Cut(digests, labels, names, where)
    if "test" not in split:
        split = cut.out_of_train(split, "test", settings.test_share, drawn)
    if "validation" not in split:
        split = cut.out_of_train(split, "validation", settings.validation_share, drawn)
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
    """Cuts a stratified share out of the training pictures."""

    digests: Sequence[str]
    labels: NDArray[np.int64]
    names: Sequence[str]
    where: str

    def out_of_train(
        self, split: list[SplitName | None], into: SplitName, share: float, drawn: np.random.Generator
    ) -> list[SplitName | None]:
        """`split` with `share` of each class moved from train to `into`, never fewer than one picture."""
        groups = self._groups(split)
        moved = list(split)
        for label, name in enumerate(self.names):
            mine = groups[label]
            if len(mine) < 2:
                raise DataError(
                    f"class {name!r} has too few different pictures to cut a {into} split out of them",
                    where=self.where,
                    fix="Add pictures of it: at least 3, and some dozens to learn anything.",
                )
            wanted = max(1, round(share * sum(len(group) for group in mine)))
            for group in self._drawn(mine, wanted, drawn):
                for index in group:
                    moved[index] = into
        return moved

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
