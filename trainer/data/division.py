"""Which split each picture of an origin goes to, and what `dataset.json` says of that, whatever the task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from contract.digest import digest_of_chunks
from contract.run import Split
from trainer.data.fingerprint import Look
from trainer.data.origin import Origin
from trainer.data.reading import Unreadable
from trainer.data.splits import Assignment, assign
from trainer.data.ties import ties_of
from trainer.settings import DataSettings


class LookedAt(Protocol):
    """Pictures as they were read, index by index."""

    @property
    def names(self) -> tuple[str, ...]:
        """As `Listed.name`."""

    @property
    def digests(self) -> tuple[str, ...]:
        """Of the pixels as read."""

    @property
    def looks(self) -> tuple[Look, ...]:
        """To find near copies by."""


def division(
    origin: Origin,
    everything: LookedAt,
    unreadable: Sequence[Unreadable],
    strata: NDArray[np.int64],
    *,
    names: Sequence[str],
    seed: int,
    settings: DataSettings,
    every_class: bool = True,
) -> tuple[Assignment, dict[str, Any]]:
    """Splits for `everything` of `origin`, and the fields of `DatasetRecord` that follow.

    `strata` (N,) numbers the groups each split gets a share of, which are called `names`; `every_class` as in `assign`.
    """
    by_name = {picture.name: picture for picture in origin.pictures}
    listed = [by_name[name] for name in everything.names]
    ties = ties_of(listed, everything.looks, settings, where=origin.text)
    assignment = assign(
        everything.digests,
        strata,
        [picture.split for picture in listed],
        seed=seed,
        settings=settings,
        names=names,
        where=origin.text,
        ties=ties,
        every_class=every_class,
    )
    return assignment, {
        "origin": origin.text,
        "labels": origin.labels,
        "splits_given": origin.has_splits,
        "seed": seed,
        "unreadable": tuple(picture.listed.name for picture in unreadable),
        "left_out": tuple(everything.names[i] for i in assignment.left_out),
        "kept_together": ties.tied(everything.digests),
    }


def digest_of_splits(splits: Mapping[str, Split]) -> str:
    """Of a dataset, from those of its splits."""
    return digest_of_chunks(f"{name} {split.digest}\n".encode() for name, split in splits.items())
