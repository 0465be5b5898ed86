"""Everything a retraining is made from: the base's data, old pictures first, and each added folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from contract.errors import ConfigError, DataError
from trainer.retraining.added import AddedFolder
from trainer.retraining.enlarged import enlarge
from trainer.retraining.lineage import Base
from trainer.retraining.old_data import old_data, remembered_data
from trainer.retraining.picture_kind import D, P, PictureKind
from trainer.retraining.replacement import MeasuredSet, SetName
from trainer.retraining.wish import Wish
from trainer.run_folder import Run
from trainer.settings import Resolved


@dataclass(frozen=True, slots=True)
class Gathered(Generic[D]):
    """What is trained on and measured on."""

    data: D
    folders: tuple[AddedFolder, ...]
    old_tests: int
    """Of the test split, the first so many are the base's."""
    notes: tuple[str, ...]

    def measured(self) -> Iterator[tuple[MeasuredSet, NDArray[np.int64]]]:
        """The old and the new test set, as far as there are pictures, and where in the test split they stand."""
        names = self.data.splits["test"].names
        columns, groups = self._told()
        parts: tuple[tuple[SetName, NDArray[np.int64]], ...] = (
            ("old", np.arange(self.old_tests)),
            ("new", np.arange(self.old_tests, len(names))),
        )
        for name, where in parts:
            if len(where):
                told = name == "new"
                mine = tuple(names[i] for i in where)
                yield MeasuredSet(name, mine, columns if told else {}, groups if told else {}), where

    def _told(self) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
        """Columns and groups by the names pictures have in the enlarged data."""
        columns: dict[str, dict[str, str]] = {}
        groups: dict[str, str] = {}
        for folder in self.folders:
            for one in folder.origin.pictures:
                name = f"{folder.origin.text}/{one.name}"
                columns[name] = dict(one.columns)
                if one.group is not None:
                    groups[name] = one.group
        return columns, groups


def gather(run: Run, wish: Wish, settings: Resolved, kind: PictureKind[P, D]) -> Gathered[D]:
    """Read everything; DataError where something is gone, or does not suffice."""
    if not wish.add:
        raise ConfigError("nothing to train on in addition", where="--base", fix="Name a folder: --add FOLDER")
    data = remembered_data(run, kind) if wish.without_old_data else old_data(run, wish.path, kind)
    old_tests = len(data.splits["test"])
    folders: list[AddedFolder] = []
    notes: list[str] = []
    for text in wish.add:
        folder = kind.opened(text, data.record.labels)
        grown = enlarge(data, folder, settings, kind, seed=settings.seed)
        data = grown.data
        folders.append(folder)
        notes += _notes_of(folder, by_group=grown.by_group)
    if not kind.shown(data.splits["validation"], len(data.record.labels)).any():
        raise DataError(
            "nothing is left to validate on", where=", ".join(wish.add), fix="Add pictures of three devices or days."
        )
    whole = kind.whole(replace(data.record, base=_base(run, wish)), dict(data.splits))
    return Gathered(whole, tuple(folders), old_tests, (*notes, *_notes(run, data.record.labels, wish)))


def _notes_of(folder: AddedFolder, *, by_group: bool) -> Iterator[str]:
    text = folder.origin.text
    if not by_group:
        yield f"{text} is of one group: its test pictures have near relatives in training and flatter"
    if folder.as_guessed:
        pictures = len(folder.origin.pictures)
        yield f"of {pictures} pictures of {text}, {folder.as_guessed} have the very boxes a model guessed"


def _notes(run: Run, labels: tuple[str, ...], wish: Wish) -> Iterator[str]:
    grown = labels[len(run.dataset.labels) :]
    if grown:
        yield f"new classes, which the base cannot know: {', '.join(grown)}"
    if wish.without_old_data:
        yield (
            "the old data was not there: the old test set is what golden.npz keeps of it, "
            "and the pictures of calibration.npz were rehearsed"
        )


def _base(run: Run, wish: Wish) -> Base:
    return Base(
        name=run.settings.name,
        weights=run.measured.weights,
        dataset=run.dataset.digest,
        test=run.dataset.splits["test"].digest,
        warm=not wish.from_scratch,
        remembered=wish.without_old_data,
    )
