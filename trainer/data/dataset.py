"""Pictures ready for training: read, fitted to the model's input, split, and written down in `dataset.json`.

Pixels are fitted by the very code the device uses (`edge.preprocess.fit`) and held as uint8, a quarter of what floats
would take. What is wrong with the data stops here with one message, before a minute of training is spent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from contract.digest import digest_of_chunks
from contract.errors import DataError
from contract.manifest import Preprocessing
from contract.run import Dataset, Split
from edge.frames import Pixels
from edge.preprocess import fit
from trainer.data.division import digest_of_splits, division
from trainer.data.fingerprint import Look, look
from trainer.data.named import named
from trainer.data.origin import SPLITS, Listed, Origin, SplitName
from trainer.data.picture_store import put_in_order, room
from trainer.data.reading import Read, Unreadable, read_all
from trainer.data.splits import Assignment
from trainer.retraining.lineage import Added, Base
from trainer.settings import DataSettings, channels_of


class DatasetRecord(Dataset, frozen=True, kw_only=True):
    """`dataset.json`: what the contract asks for, and what became of the pictures nobody trained on."""

    splits_given: bool
    """Whether the data said which pictures are for testing; otherwise the seed decided."""
    seed: int
    unreadable: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    """Copies of measured pictures that were lying in another split."""
    kept_together: int = 0
    """Pictures that may not be parted from some other when splits are made: of one group or time, or near copies."""
    base: Base | None = None
    """The run this one was trained on from."""
    added: tuple[Added, ...] = ()
    """What came in addition, the oldest first."""


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
    looks: tuple[Look, ...] = ()
    """To find near copies by; kept until the pictures are divided."""
    sizes_wh: tuple[tuple[int, int], ...] = ()
    """Pixels as read; nothing where nobody kept them."""

    def __len__(self) -> int:
        return len(self.labels)

    def between(self, start: int, end: int) -> Pictures:
        """Those from `start` up to `end`, on the same memory."""
        return Pictures(
            frames=self.frames[start:end],
            labels=self.labels[start:end],
            names=self.names[start:end],
            digests=self.digests[start:end],
            sizes_wh=self.sizes_wh[start:end],
        )

    def take(self, indices: NDArray[np.int64]) -> Pictures:
        """Those at `indices`, in that order."""
        return Pictures(
            frames=self.frames[indices],
            labels=self.labels[indices],
            names=tuple(self.names[i] for i in indices),
            digests=tuple(self.digests[i] for i in indices),
            sizes_wh=tuple(self.sizes_wh[i] for i in indices) if self.sizes_wh else (),
        )

    def lines(self, labels: Sequence[str]) -> list[str]:
        """A line a picture, in their order: its digest and its label."""
        return [f"{digest} {labels[label]}\n" for digest, label in zip(self.digests, self.labels, strict=True)]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A dataset in its three splits."""

    record: DatasetRecord
    splits: dict[SplitName, Pictures]
    listed: Mapping[str, Listed] = field(default_factory=dict)
    """What is known about each picture beside its label, by its name."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Index is the class number."""
        return self.record.labels


def prepare(origin: Origin, prep: Preprocessing, *, seed: int, settings: DataSettings) -> Prepared:
    """Read, fit and split `origin` for training; DataError says what must be mended first."""
    _check_listing(origin)
    everything, unreadable = load(origin, prep, settings)
    return divide(origin, everything, unreadable, seed=seed, settings=settings, in_place=True)


def divide(
    origin: Origin,
    everything: Pictures,
    unreadable: Sequence[Unreadable],
    *,
    seed: int,
    settings: DataSettings,
    in_place: bool = False,
) -> Prepared:
    """The loaded pictures of `origin` in their splits; DataError where they do not suffice for that.

    `in_place` makes the splits parts of `everything`, which is of no use afterwards: pictures are held once, not twice.
    """
    assignment, facts = division(
        origin, everything, unreadable, everything.labels, names=origin.labels, seed=seed, settings=settings
    )
    if in_place:
        splits = _parted(everything, assignment)
    else:
        splits = {name: everything.take(assignment.indices[name]) for name in SPLITS}
    _check_splits(origin, splits)
    described: dict[str, Split] = {name: split_record(pictures, origin.labels) for name, pictures in splits.items()}
    record = DatasetRecord(**facts, splits=described, digest=digest_of_splits(described))
    return Prepared(record, splits, {picture.name: picture for picture in origin.pictures})


def load(origin: Origin, prep: Preprocessing, settings: DataSettings) -> tuple[Pictures, list[Unreadable]]:
    """Every readable picture of `origin`, fitted, and the unreadable ones; DataError where those are too many."""
    if origin.task != "classify":
        raise DataError(
            "things are marked in these pictures, and they have no class of their own",
            where=origin.text,
            fix="Use --task detect.",
        )
    frames = room((len(origin.pictures), *fitted_shape(prep)), in_memory_mib=settings.in_memory_mib)
    good: list[Read[Look]] = []
    unreadable: list[Unreadable] = []
    for found in read_all(origin.pictures, partial(fitted, prep=prep)):
        if isinstance(found, Unreadable):
            unreadable.append(found)
            continue
        frames[len(good)] = found.made.frame
        good.append(Read(found.listed, found.digest, found.size_wh, found.made.look))
    check_unreadable(origin, unreadable, settings)
    if not good:
        raise DataError("no picture can be read", where=origin.text, fix="Run: edgeferry dataset check PATH")
    return _pictures(frames[: len(good)], good), unreadable


def _pictures(frames: NDArray[np.uint8], good: Sequence[Read[Look]]) -> Pictures:
    return Pictures(
        frames=frames,
        labels=np.array([picture.listed.label for picture in good], np.int64),
        names=tuple(picture.listed.name for picture in good),
        digests=tuple(picture.digest for picture in good),
        looks=tuple(picture.made for picture in good),
        sizes_wh=tuple(picture.size_wh for picture in good),
    )


def fitted_shape(prep: Preprocessing) -> tuple[int, int, int]:
    """(height, width, channels) of a fitted picture."""
    width, height = prep.size_wh
    return height, width, channels_of(prep)


def _parted(everything: Pictures, assignment: Assignment) -> dict[SplitName, Pictures]:
    """The splits one after the other, what was left out behind them."""
    parts = [assignment.indices[name] for name in SPLITS]
    order = np.concatenate([*parts, np.array(assignment.left_out, np.int64)]).astype(np.int64)
    put_in_order(everything.frames, order)
    ordered = Pictures(
        frames=everything.frames,
        labels=everything.labels[order],
        names=tuple(everything.names[i] for i in order),
        digests=tuple(everything.digests[i] for i in order),
        sizes_wh=tuple(everything.sizes_wh[i] for i in order),
    )
    ends = np.cumsum([len(part) for part in parts]).tolist()
    return {name: ordered.between(end - len(part), end) for name, part, end in zip(SPLITS, parts, ends, strict=True)}


@dataclass(frozen=True, slots=True)
class Fitted:
    """What is kept of a picture."""

    frame: Pixels
    look: Look


def fitted(pixels: Pixels, *, prep: Preprocessing) -> Fitted:
    """`pixels` as the model gets them, and how they look."""
    return Fitted(fit(pixels, prep), look(pixels))


def _check_listing(origin: Origin) -> None:
    if len(origin.labels) < 2:
        raise DataError(
            f"only one class, {origin.labels[0]!r}: there is nothing to tell apart",
            where=origin.text,
            fix="Add a folder with pictures of something else.",
        )
    if origin.empty:
        raise DataError(
            f"no picture in {named(origin.empty)}", where=origin.text, fix="Fill the folder, or take it away."
        )


def check_unreadable(origin: Origin, unreadable: Sequence[Unreadable], settings: DataSettings) -> None:
    """DataError where pictures could not be read and nobody said to go on, or too many of them."""
    if not unreadable:
        return
    share = len(unreadable) / len(origin.pictures)
    what = f"{len(unreadable)} of {len(origin.pictures)} pictures cannot be read: " + named(
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
            f"no training picture of {named(absent)}", where=origin.text, fix="Every class needs some in train."
        )
    for name, pictures in splits.items():
        if not len(pictures):
            raise DataError(f"the {name} split is empty", where=origin.text, fix="Give it pictures, or no folder.")


def split_record(pictures: Pictures, labels: Sequence[str]) -> Split:
    """What `dataset.json` says about one split."""
    counts = np.bincount(pictures.labels, minlength=len(labels))
    return Split(
        pictures=len(pictures),
        digest=digest_of_chunks(line.encode() for line in sorted(pictures.lines(labels))),
        classes={label: int(count) for label, count in zip(labels, counts, strict=True)},
    )
