"""Pictures ready for training: read, fitted to the model's input, split, and written down in `dataset.json`.

Pixels are fitted by the very code the device uses (`edge.preprocess.fit`) and held as uint8, a quarter of what floats
would take. What is wrong with the data stops here with one message, before a minute of training is spent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from contract.digest import digest_of_chunks
from contract.errors import DataError
from contract.manifest import Preprocessing
from contract.run import Dataset, Split
from edge.frames import Pixels
from edge.preprocess import fit
from trainer.origin import SPLITS, Origin, SplitName
from trainer.reading import Read, Unreadable, read_all
from trainer.settings import DataSettings
from trainer.splits import assign

_NAMED = 5
"""Pictures named in a message before it says how many more."""


class DatasetRecord(Dataset, frozen=True, kw_only=True):
    """`dataset.json`: what the contract asks for, and what became of the pictures nobody trained on."""

    splits_given: bool
    """Whether the data said which pictures are for testing; otherwise the seed decided."""
    seed: int
    unreadable: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    """Copies of measured pictures that were lying in another split."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """Fitted pictures with their labels, index by index."""

    frames: NDArray[np.uint8]
    """(N, height, width, channels) in the model's size and colour order."""
    labels: NDArray[np.int64]
    """(N,) class numbers."""
    names: tuple[str, ...]
    digests: tuple[str, ...]
    """Of the pixels as read, before fitting."""

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: NDArray[np.int64]) -> Pictures:
        """Those at `indices`, in that order."""
        return Pictures(
            frames=self.frames[indices],
            labels=self.labels[indices],
            names=tuple(self.names[i] for i in indices),
            digests=tuple(self.digests[i] for i in indices),
        )


@dataclass(frozen=True, slots=True)
class Prepared:
    """A dataset in its three splits."""

    record: DatasetRecord
    splits: dict[SplitName, Pictures]

    @property
    def labels(self) -> tuple[str, ...]:
        """Index is the class number."""
        return self.record.labels


def prepare(origin: Origin, prep: Preprocessing, *, seed: int, settings: DataSettings) -> Prepared:
    """Read, fit and split `origin` for training; DataError says what must be mended first."""
    _check_listing(origin)
    everything, unreadable = load(origin, prep, settings)
    return divide(origin, everything, unreadable, seed=seed, settings=settings)


def divide(
    origin: Origin, everything: Pictures, unreadable: Sequence[Unreadable], *, seed: int, settings: DataSettings
) -> Prepared:
    """The loaded pictures of `origin` in their splits; DataError where they do not suffice for that."""
    given = {picture.name: picture.split for picture in origin.pictures}
    assignment = assign(
        everything.digests,
        everything.labels,
        [given[name] for name in everything.names],
        seed=seed,
        settings=settings,
        names=origin.labels,
        where=origin.text,
    )
    splits = {name: everything.take(assignment.indices[name]) for name in SPLITS}
    _check_splits(origin, splits)
    left_out = tuple(everything.names[i] for i in assignment.left_out)
    described: dict[str, Split] = {name: _described(pictures, origin.labels) for name, pictures in splits.items()}
    record = DatasetRecord(
        origin=origin.text,
        labels=origin.labels,
        splits=described,
        digest=digest_of_chunks(f"{name} {split.digest}\n".encode() for name, split in described.items()),
        splits_given=origin.has_splits,
        seed=seed,
        unreadable=tuple(picture.listed.name for picture in unreadable),
        left_out=left_out,
    )
    return Prepared(record, splits)


def load(origin: Origin, prep: Preprocessing, settings: DataSettings) -> tuple[Pictures, list[Unreadable]]:
    """Every readable picture of `origin`, fitted, and the unreadable ones; DataError where those are too many."""
    found = list(read_all(origin.pictures, partial(_fitted, prep=prep)))
    unreadable = [picture for picture in found if isinstance(picture, Unreadable)]
    _check_unreadable(origin, unreadable, settings)
    good = [picture for picture in found if isinstance(picture, Read)]
    if not good:
        raise DataError("no picture can be read", where=origin.text, fix="Run: edgeferry dataset check PATH")
    return _pictures(good), unreadable


def _pictures(good: Sequence[Read[Pixels]]) -> Pictures:
    return Pictures(
        frames=np.stack([picture.made for picture in good]),
        labels=np.array([picture.listed.label for picture in good], np.int64),
        names=tuple(picture.listed.name for picture in good),
        digests=tuple(picture.digest for picture in good),
    )


def _fitted(pixels: Pixels, *, prep: Preprocessing) -> Pixels:
    return fit(pixels, prep)


def _check_listing(origin: Origin) -> None:
    if len(origin.labels) < 2:
        raise DataError(
            f"only one class, {origin.labels[0]!r}: there is nothing to tell apart",
            where=origin.text,
            fix="Add a folder with pictures of something else.",
        )
    if origin.empty:
        raise DataError(
            f"no picture in {_named(origin.empty)}", where=origin.text, fix="Fill the folder, or take it away."
        )


def _check_unreadable(origin: Origin, unreadable: Sequence[Unreadable], settings: DataSettings) -> None:
    if not unreadable:
        return
    share = len(unreadable) / len(origin.pictures)
    what = f"{len(unreadable)} of {len(origin.pictures)} pictures cannot be read: " + _named(
        [f"{picture.listed.name} ({picture.why})" for picture in unreadable]
    )
    if not settings.skip_unreadable:
        raise DataError(what, where=origin.text, fix="Mend or remove them, or train without them: --skip-unreadable")
    if share > settings.max_unreadable_share:
        raise DataError(
            what,
            where=origin.text,
            fix=f"More than {settings.max_unreadable_share:.0%} are too many to skip (data.max_unreadable_share).",
        )


def _check_splits(origin: Origin, splits: dict[SplitName, Pictures]) -> None:
    present = set(splits["train"].labels.tolist())
    absent = [label for number, label in enumerate(origin.labels) if number not in present]
    if absent:
        raise DataError(
            f"no training picture of {_named(absent)}", where=origin.text, fix="Every class needs some in train."
        )
    for name, pictures in splits.items():
        if not len(pictures):
            raise DataError(f"the {name} split is empty", where=origin.text, fix="Give it pictures, or no folder.")


def _described(pictures: Pictures, labels: Sequence[str]) -> Split:
    lines = sorted(
        f"{digest} {labels[label]}\n" for digest, label in zip(pictures.digests, pictures.labels, strict=True)
    )
    counts = np.bincount(pictures.labels, minlength=len(labels))
    return Split(
        pictures=len(pictures),
        digest=digest_of_chunks(line.encode() for line in lines),
        classes={label: int(count) for label, count in zip(labels, counts, strict=True)},
    )


def _named(things: Sequence[str]) -> str:
    more = len(things) - _NAMED
    return ", ".join(things[:_NAMED]) + (f" and {more} more" if more > 0 else "")
