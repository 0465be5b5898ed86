"""Marked pictures ready for training: read, fitted, split, with every box moved along into the model's picture.

Read, checked and split as in `trainer.data.dataset`; what differs is that a picture may show many things or none.
Where splits have to be drawn, a picture counts as one of the class most of its boxes have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from contract.digest import digest_of_chunks
from contract.errors import DataError
from contract.manifest import Preprocessing
from contract.run import Split
from edge.marked import Marked
from edge.placement import Placement, placement
from trainer.data.boxes import Box
from trainer.data.dataset import DatasetRecord, Fitted, check_unreadable, fitted
from trainer.data.division import digest_of_splits, division
from trainer.data.fingerprint import Look
from trainer.data.named import named
from trainer.data.origin import SPLITS, Origin, SplitName
from trainer.data.reading import Read, Unreadable, read_all
from trainer.settings import DataSettings

_LEFT = 0.3
"""A box of which fitting left less than this share is not in the picture any more."""
NOTHING = "(nothing)"
"""Stands for the class of pictures without a box."""


@dataclass(frozen=True, slots=True)
class Detected:
    """Fitted pictures with what is marked in them, index by index."""

    frames: NDArray[np.uint8]
    """(N, height, width, channels) in the model's size and colour order."""
    marked: tuple[Marked, ...]
    names: tuple[str, ...]
    digests: tuple[str, ...]
    """Of the pixels as read, before fitting."""
    sizes_wh: tuple[tuple[int, int], ...]
    """As read."""
    looks: tuple[Look, ...] = ()
    """To find near copies by; kept until the pictures are divided."""

    def __len__(self) -> int:
        return len(self.marked)

    def take(self, indices: NDArray[np.int64]) -> Detected:
        """Those at `indices`, in that order."""
        return Detected(
            frames=self.frames[indices],
            marked=tuple(self.marked[i] for i in indices),
            names=tuple(self.names[i] for i in indices),
            digests=tuple(self.digests[i] for i in indices),
            sizes_wh=tuple(self.sizes_wh[i] for i in indices),
        )

    def lines(self, labels: Sequence[str]) -> list[str]:
        """A line a picture, in their order: its digest and the boxes marked in it."""
        marked = zip(self.digests, self.marked, strict=True)
        return [f"{digest} {_boxes_text(one, labels)}\n" for digest, one in marked]

    def counts(self, classes: int) -> NDArray[np.int64]:
        """(classes,) boxes, crowds left out."""
        labels = [one.labels[~one.crowd] for one in self.marked]
        return np.bincount(np.concatenate([np.empty(0, np.int64), *labels]), minlength=classes)


class BoxesRecord(DatasetRecord, frozen=True, kw_only=True):
    """`dataset.json` of marked pictures. `Split.classes` counts the pictures that show a class."""

    boxes: dict[str, dict[str, int]]
    """By split and label."""
    odd_boxes: tuple[str, ...] = ()
    """Boxes nobody could learn from, left out: where, and why."""


@dataclass(frozen=True, slots=True)
class PreparedBoxes:
    """A dataset in its three splits."""

    record: BoxesRecord
    splits: dict[SplitName, Detected]

    @property
    def labels(self) -> tuple[str, ...]:
        """Index is the class number."""
        return self.record.labels


def prepare_boxes(origin: Origin, prep: Preprocessing, *, seed: int, settings: DataSettings) -> PreparedBoxes:
    """Read, fit and split `origin` for training; DataError says what must be mended first."""
    if not any(picture.boxes for picture in origin.pictures):
        raise DataError("no box is marked in any picture", where=origin.text, fix="Train it with --task classify.")
    everything, unreadable = load_boxes(origin, prep, settings)
    return divide_boxes(origin, everything, unreadable, seed=seed, settings=settings)


def load_boxes(origin: Origin, prep: Preprocessing, settings: DataSettings) -> tuple[Detected, list[Unreadable]]:
    """Every readable picture of `origin`, fitted, and the unreadable ones; DataError where those are too many."""
    found = list(read_all(origin.pictures, partial(fitted, prep=prep)))
    unreadable = [picture for picture in found if isinstance(picture, Unreadable)]
    check_unreadable(origin, unreadable, settings)
    good = [picture for picture in found if isinstance(picture, Read)]
    if not good:
        raise DataError("no picture can be read", where=origin.text, fix="Run: edgeferry dataset check PATH")
    return _detected(good, prep), unreadable


def divide_boxes(
    origin: Origin, everything: Detected, unreadable: Sequence[Unreadable], *, seed: int, settings: DataSettings
) -> PreparedBoxes:
    """The loaded pictures of `origin` in their splits; DataError where they do not suffice for that."""
    strata, names = _strata(everything, origin.labels)
    assignment, facts = division(
        origin, everything, unreadable, strata, names=names, seed=seed, settings=settings, every_class=False
    )
    splits = {name: everything.take(assignment.indices[name]) for name in SPLITS}
    _check_splits(origin, splits)
    shown: dict[str, Split] = {name: described(pictures, origin.labels) for name, pictures in splits.items()}
    record = BoxesRecord(
        **facts,
        splits=shown,
        digest=digest_of_splits(shown),
        boxes=box_counts(splits, origin.labels),
        odd_boxes=tuple(map(str, origin.odd_boxes)),
    )
    return PreparedBoxes(record, splits)


def marked_in(boxes: Sequence[Box], frame_wh: tuple[int, int], prep: Preprocessing) -> Marked:
    """`boxes` of a picture of that size, moved to where `edge.preprocess.fit` puts them and cut to what it leaves."""
    place = placement(frame_wh, prep)
    given = np.array([box.xyxy_px for box in boxes], np.float64).reshape(-1, 4)
    moved = _to_model(given, place)
    target = place.target
    cut = np.clip(moved, [target.left, target.top] * 2, [target.right, target.bottom] * 2)
    kept = (_areas(cut) > 0.0) & (_areas(cut) >= _LEFT * _areas(moved))
    return Marked(
        boxes=cut[kept].astype(np.float32),
        labels=np.array([box.label for box in boxes], np.int64)[kept],
        crowd=np.array([box.crowd for box in boxes], np.bool_)[kept],
    )


def _to_model(boxes: NDArray[np.float64], place: Placement) -> NDArray[np.float64]:
    """What `Placement.to_frame` undoes."""
    scale = [place.target.width / place.crop.width, place.target.height / place.crop.height] * 2
    moved: NDArray[np.float64] = (boxes - [place.crop.left, place.crop.top] * 2) * scale
    return moved + [place.target.left, place.target.top] * 2


def _areas(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    areas: NDArray[np.float64] = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0.0), axis=1)
    return areas


def _detected(good: Sequence[Read[Fitted]], prep: Preprocessing) -> Detected:
    return Detected(
        frames=np.stack([picture.made.frame for picture in good]),
        marked=tuple(marked_in(picture.listed.boxes, picture.size_wh, prep) for picture in good),
        names=tuple(picture.listed.name for picture in good),
        digests=tuple(picture.digest for picture in good),
        sizes_wh=tuple(picture.size_wh for picture in good),
        looks=tuple(picture.made.look for picture in good),
    )


def _strata(pictures: Detected, labels: Sequence[str]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """A group for each picture and what the groups are called: by its most frequent class, small groups put together.

    Drawing a split needs two pictures of each group, and a class may well be the most frequent one nowhere.
    """
    most = np.array([_most_frequent(one, len(labels)) for one in pictures.marked], np.int64)
    counts = np.bincount(most, minlength=len(labels) + 1)
    largest = int(counts.argmax())
    most[counts[most] < _FEWEST] = largest
    kept, strata = np.unique(most, return_inverse=True)
    return strata.astype(np.int64), tuple([*labels, NOTHING][number] for number in kept)


_FEWEST = 10


def _most_frequent(one: Marked, classes: int) -> int:
    counts = np.bincount(one.labels[~one.crowd], minlength=classes)
    return int(counts.argmax()) if counts.any() else classes


def _check_splits(origin: Origin, splits: dict[SplitName, Detected]) -> None:
    counts = splits["train"].counts(len(origin.labels))
    absent = [label for label, count in zip(origin.labels, counts, strict=True) if not count]
    if absent:
        raise DataError(
            f"no training box of {named(absent)}", where=origin.text, fix="Every class needs some in train."
        )
    for name, pictures in splits.items():
        if not len(pictures):
            raise DataError(f"the {name} split is empty", where=origin.text, fix="Give it pictures, or no folder.")
        if not any(len(one) for one in pictures.marked):
            raise DataError(f"no box in the {name} split", where=origin.text, fix="Mark what its pictures show.")


def box_counts(splits: Mapping[SplitName, Detected], labels: Sequence[str]) -> dict[str, dict[str, int]]:
    """Boxes by split and label, crowds left out."""
    return {
        name: dict(zip(labels, pictures.counts(len(labels)).tolist(), strict=True)) for name, pictures in splits.items()
    }


def described(pictures: Detected, labels: Sequence[str]) -> Split:
    """What `dataset.json` says about one split."""
    shown = [set(one.labels.tolist()) for one in pictures.marked]
    return Split(
        pictures=len(pictures),
        digest=digest_of_chunks(line.encode() for line in sorted(pictures.lines(labels))),
        classes={label: sum(number in classes for classes in shown) for number, label in enumerate(labels)},
    )


def _boxes_text(one: Marked, labels: Sequence[str]) -> str:
    rows = (
        f"{labels[label]} {' '.join(f'{value:.2f}' for value in box)}{' crowd' if crowd else ''}"
        for box, label, crowd in zip(one.boxes.tolist(), one.labels.tolist(), one.crowd.tolist(), strict=True)
    )
    return "; ".join(sorted(rows))
