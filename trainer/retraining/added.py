"""Pictures that come in addition to a run's data: class folders of one's own, or a labelled folder of kept frames.

In a folder `edgeferry dataset label` made, class folders are the model's guesses and no labels. What counts is what a
person said: the `labels*.csv` that the label page exports, or else where files were moved to. A folder nobody touched
is refused: a model trained on its own guesses only grows surer of its mistakes.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from contract.errors import DataError
from trainer.data.folders import folder_origin
from trainer.data.origin import Listed, Origin
from trainer.retraining.labelling import PICTURES

_NO_LABEL = "-"
"""What the label page says of a picture that is of no use."""
_COLUMNS = ("device", "why")
"""Of `pictures.csv`: what slices are made of."""
_NAMED = 5


@dataclass(frozen=True, slots=True)
class AddedFolder:
    """Labelled pictures to add; `Listed.group` says which belong together."""

    origin: Origin
    """Its labels are those of the base first, in their order, then new ones."""
    unlabelled: tuple[str, ...]
    """Pictures nobody has said anything about, or that are of no use."""
    as_guessed: int = 0
    """Pictures whose boxes are still the very ones a model guessed."""


def open_added(text: str, base_labels: Sequence[str]) -> AddedFolder:
    """List the folder `text`; DataError where it holds no labels of a person."""
    listed = folder_origin(text)
    root = Path(text)
    kept = Kept(root)
    label_of = _Told(root, kept).labels(listed)
    unlabelled = tuple(one.name for one in listed.pictures if label_of[one.name] is None)
    chosen = [(one, label) for one in listed.pictures if (label := label_of[one.name]) is not None]
    if not chosen:
        raise DataError("no picture of it has a label", where=text, fix="Label some in its label.html.")
    labels = (*base_labels, *sorted({label for _, label in chosen} - set(base_labels)))
    pictures = tuple(replace(kept.described(one), label=labels.index(label)) for one, label in chosen)
    return AddedFolder(replace(listed, labels=labels, pictures=pictures, empty=()), unlabelled)


class Kept:
    """What `pictures.csv` says about the pictures devices kept, wherever in the folder they are now."""

    def __init__(self, root: Path) -> None:
        self.rows = {PurePosixPath(row["path"]).name: row for row in _table(root / PICTURES, "guess", "group")}
        """By file name."""

    def described(self, one: Listed) -> Listed:
        """With the group and columns of its row, and without a split."""
        row = self.rows.get(PurePosixPath(one.name).name)
        if row is None:
            return replace(one, split=None)
        columns = {name: row[name] for name in _COLUMNS if row.get(name)}
        return replace(one, split=None, group=row["group"] or None, columns={**one.columns, **columns})


class _Told:
    """What a person said of class folders."""

    def __init__(self, root: Path, kept: Kept) -> None:
        self._root = root
        said = [row for file in sorted(root.glob("labels*.csv")) for row in _table(file, "label")]
        self._said = {row["path"]: row["label"] for row in said}
        self._guessed = {row["path"] for row in kept.rows.values()}

    def labels(self, listed: Origin) -> dict[str, str | None]:
        """By name of a picture; None without a label."""
        names = {one.name for one in listed.pictures}
        if self._said:
            self._check_there(names)
            return {name: _label(self._said.get(name, _NO_LABEL)) for name in names}
        if self._guessed and names <= self._guessed:
            raise DataError(
                "nobody has labelled these pictures: the folders are a model's guesses",
                where=str(self._root),
                fix="Go through label.html and save the labels.csv it exports here, or move files to other folders.",
            )
        return {one.name: _label(listed.labels[one.label]) for one in listed.pictures}

    def _check_there(self, names: set[str]) -> None:
        gone = sorted(set(self._said) - names)
        if gone:
            more = f" and {len(gone) - _NAMED} more" if len(gone) > _NAMED else ""
            raise DataError(
                f"labels are given to pictures that are not there: {', '.join(gone[:_NAMED])}{more}",
                where=str(self._root),
                fix="Put them back, or take their lines out of labels.csv.",
            )


def _label(text: str) -> str | None:
    """A class, or None for `-`, nothing, and folders like `_unsure`."""
    text = text.strip()
    return None if text in ("", _NO_LABEL) or text.startswith("_") else text


def _table(path: Path, *columns: str) -> Iterator[dict[str, str]]:
    """Rows of a CSV file with a `path` and these columns; nothing where there is no such file."""
    if not path.is_file():
        return
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            absent = [column for column in ("path", *columns) if column not in (rows.fieldnames or ())]
            if absent:
                raise DataError(
                    f"there is no column {absent[0]!r}", where=str(path), fix="Export it from label.html again."
                )
            for row in rows:
                if any(row[column] is None for column in ("path", *columns)):
                    raise DataError(
                        "a line is too short", where=f"{path}:{rows.line_num}", fix="Export it from label.html again."
                    )
                yield {key: value or "" for key, value in row.items() if key is not None}
    except (UnicodeDecodeError, csv.Error, OSError) as problem:
        raise DataError(f"the table cannot be read: {problem}", where=str(path), fix="Save it as UTF-8.") from problem
