"""Which of the named pictures a model is measured on, and whether it may have been trained on them.

Data with a test folder speaks for itself. Data without splits was divided by training; dividing it again the same way
and comparing digests tells whether this is that very data, and then which pictures were held back.
"""

from __future__ import annotations

from collections.abc import Callable, Sized
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from contract.errors import ConfigError, DataError
from contract.manifest import Preprocessing
from trainer.data.dataset import Pictures, divide, load
from trainer.data.divided import Divided
from trainer.data.origin import Origin, SplitName
from trainer.data.reading import Unreadable
from trainer.measurement.classifiers import Origins
from trainer.settings import DataSettings

Wanted = Literal["auto", "train", "validation", "test", "all"]
_MEASURED_FIRST: tuple[SplitName, ...] = ("test", "validation", "train")


class Named(Sized, Protocol):
    """Loaded pictures, labelled or with boxes."""

    @property
    def names(self) -> tuple[str, ...]:
        """As `Listed.name`."""

    def take(self, indices: NDArray[np.int64]) -> Any:
        """Those at `indices`."""


P = TypeVar("P", bound=Named)


@dataclass(frozen=True, slots=True)
class Kept(Generic[P]):
    """How one kind of pictures is read and divided."""

    load: Callable[[Origin, Preprocessing, DataSettings], tuple[P, list[Unreadable]]]
    divide: Callable[..., Divided[P]]


LABELLED: Kept[Pictures] = Kept(load, divide)
"""A class a picture."""


@dataclass(frozen=True, slots=True)
class Chosen(Generic[P]):
    """Pictures to measure a model on."""

    pictures: P
    split: str
    held_back: bool | None
    """Whether they were kept from training; None where nobody can know."""
    validation: P | None = None
    """Those of the same data that belong to neither training nor test: for temperatures and thresholds."""


def choose(
    origin: Origin, prep: Preprocessing, trained_on: Origins, wanted: Wanted, settings: DataSettings, how: Kept[P]
) -> Chosen[P]:
    """The `wanted` pictures of `origin`.

    `auto` is the test folder, or the validation folder where there is no other; the test split training drew, if this
    is the data it was drawn from; and everything otherwise.
    """
    everything, unreadable = how.load(origin, prep, settings)
    if wanted == "all":
        return Chosen(everything, "all", None)
    given = {picture.split for picture in origin.pictures if picture.split}
    if given - {"train"}:
        return _given(origin, everything, wanted)
    return _drawn(origin, everything, unreadable, trained_on, wanted, how)


def _given(origin: Origin, everything: P, wanted: Wanted) -> Chosen[P]:
    split_of = {picture.name: picture.split for picture in origin.pictures}
    splits = np.array([split_of[name] for name in everything.names])
    there = [split for split in _MEASURED_FIRST if split in splits]
    split = there[0] if wanted == "auto" else wanted
    if split not in there:
        raise ConfigError(
            f"the data has no readable {split} pictures", where=origin.text, fix=f"It has: {', '.join(there)}."
        )
    watched = np.flatnonzero(splits == "validation") if split == "test" else np.empty(0, np.int64)
    validation = everything.take(watched) if len(watched) else None
    return Chosen(everything.take(np.flatnonzero(splits == split)), split, split != "train", validation)


def _drawn(
    origin: Origin, everything: P, unreadable: list[Unreadable], trained_on: Origins, wanted: Wanted, how: Kept[P]
) -> Chosen[P]:
    try:
        prepared = how.divide(origin, everything, unreadable, seed=trained_on.seed, settings=trained_on.settings)
    except DataError:
        if wanted != "auto":
            raise
        return Chosen(everything, "all", None)  # too few to divide: nothing was ever trained on this data
    same = prepared.record.digest == trained_on.dataset
    if wanted == "auto" and not same:
        return Chosen(everything, "all", None)
    split = next(name for name in _MEASURED_FIRST if wanted in ("auto", name))
    validation = prepared.splits["validation"] if same and split == "test" else None
    return Chosen(prepared.splits[split], split, split != "train" if same else None, validation)
