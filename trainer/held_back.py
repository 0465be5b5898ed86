"""Which of the named pictures a model is measured on, and whether it may have been trained on them.

Data with a test folder speaks for itself. Data without splits was divided by training; dividing it again the same way
and comparing digests tells whether this is that very data, and then which pictures were held back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from contract.errors import ConfigError, DataError
from contract.manifest import Preprocessing
from trainer.classifiers import Origins
from trainer.dataset import Pictures, divide, load
from trainer.origin import Origin, SplitName
from trainer.reading import Unreadable
from trainer.settings import DataSettings

Wanted = Literal["auto", "train", "validation", "test", "all"]
_MEASURED_FIRST: tuple[SplitName, ...] = ("test", "validation", "train")


@dataclass(frozen=True, slots=True)
class Chosen:
    """Pictures to measure a model on."""

    pictures: Pictures
    split: str
    held_back: bool | None
    """Whether they were kept from training; None where nobody can know."""


def choose(origin: Origin, prep: Preprocessing, trained_on: Origins, wanted: Wanted, settings: DataSettings) -> Chosen:
    """The `wanted` pictures of `origin`.

    `auto` is the test folder, or the validation folder where there is no other; the test split training drew, if this
    is the data it was drawn from; and everything otherwise.
    """
    everything, unreadable = load(origin, prep, settings)
    if wanted == "all":
        return Chosen(everything, "all", None)
    given = {picture.split for picture in origin.pictures if picture.split}
    if given - {"train"}:
        return _given(origin, everything, wanted)
    return _drawn(origin, everything, unreadable, trained_on, wanted)


def _given(origin: Origin, everything: Pictures, wanted: Wanted) -> Chosen:
    split_of = {picture.name: picture.split for picture in origin.pictures}
    splits = np.array([split_of[name] for name in everything.names])
    there = [split for split in _MEASURED_FIRST if split in splits]
    split = there[0] if wanted == "auto" else wanted
    if split not in there:
        raise ConfigError(
            f"the data has no readable {split} pictures", where=origin.text, fix=f"It has: {', '.join(there)}."
        )
    return Chosen(everything.take(np.flatnonzero(splits == split)), split, split != "train")


def _drawn(
    origin: Origin, everything: Pictures, unreadable: list[Unreadable], trained_on: Origins, wanted: Wanted
) -> Chosen:
    try:
        prepared = divide(origin, everything, unreadable, seed=trained_on.seed, settings=trained_on.settings)
    except DataError:
        if wanted != "auto":
            raise
        return Chosen(everything, "all", None)  # too few to divide: nothing was ever trained on this data
    same = prepared.record.digest == trained_on.dataset
    if wanted == "auto" and not same:
        return Chosen(everything, "all", None)
    split = next(name for name in _MEASURED_FIRST if wanted in ("auto", name))
    return Chosen(prepared.splits[split], split, split != "train" if same else None)
