"""CSV: a line for each picture and its label, or for each box.

The first line names the columns. One of path, picture, image, file or filename holds the picture's path from the
CSV's folder, and label or class its class. With xmin, ymin, xmax and ymax (edges in pixels counted from 0) a line is a
box, a picture has as many lines as boxes, and one line without a label for none. split, group and all others are
optional; the others, `time` among them, are kept for splits and slices. Commas, semicolons or tabs; RFC 4180 quotes.

A `pictures.csv` in a folder of another layout adds such columns to its pictures; their labels stay the folder's.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from contract.errors import DataError
from edge.pictures import read_picture
from trainer.data.folders import SUGGESTION
from trainer.data.named import named
from trainer.data.odd_boxes import Written
from trainer.data.origin import Listed, Origin, SplitName
from trainer.formats.marked import Marked, below, check_present, marked_origin, text_of
from trainer.formats.split_folders import SPLIT_WORDS

PATHS = ("path", "picture", "image", "file", "filename", "file_name")
LABELS = ("label", "class")
CORNERS = ("xmin", "ymin", "xmax", "ymax")
SPLIT, GROUP = "split", "group"
SIDECAR = "pictures.csv"
"""Beside class folders: more about their pictures."""
_SIZE = ("width", "height")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table, below its column names."""

    where: str
    """File and line."""
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV file."""

    file: Path
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def one_of(self, names: Sequence[str]) -> str:
        """The first of `names` that is a column; DataError where none is."""
        found = next((name for name in names if name in self.columns), None)
        if found is None:
            raise DataError(
                f"there is no column {' or '.join(names)}",
                where=f"{self.file}:1",
                fix=f"The columns are: {', '.join(self.columns)}.",
            )
        return found


def read_table(file: Path) -> Table:
    """The rows of `file` with their lines; DataError on a line with too few or too many cells."""
    text = text_of(file, what="table")
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[Row] = []
    columns: tuple[str, ...] = ()
    try:
        for cells in reader:
            where = f"{file}:{reader.line_num}"
            if not columns:
                columns = tuple(cell.strip().lower() for cell in cells)
                _check_columns(columns, where)
            elif any(cell.strip() for cell in cells):
                rows.append(_row(columns, cells, where))
    except csv.Error as problem:
        raise DataError(
            f"this is no CSV: {problem}", where=f"{file}:{reader.line_num}", fix="Write it anew."
        ) from problem
    if not rows:
        raise DataError("the table has no rows", where=str(file), fix="Write a line for each picture.")
    return Table(file, columns, tuple(rows))


def table_origin(text: str) -> Origin:
    """The pictures of the CSV file `text`; DataError names the line of what cannot be read."""
    table = read_table(Path(text))
    return _with_boxes(text, table) if set(CORNERS) <= set(table.columns) else _with_labels(text, table)


def _check_columns(columns: tuple[str, ...], where: str) -> None:
    for column in columns:
        if not column or columns.count(column) > 1:
            what = f"column {column!r} is there twice" if column else "a column has no name"
            raise DataError(what, where=where, fix="The first line names the columns.")


def _row(columns: tuple[str, ...], cells: Sequence[str], where: str) -> Row:
    if len(cells) != len(columns):
        raise DataError(
            f"{len(cells)} cells for {len(columns)} columns", where=where, fix="Put cells with commas in quotes."
        )
    return Row(where, {column: cell.strip() for column, cell in zip(columns, cells, strict=True)})


def _with_labels(text: str, table: Table) -> Origin:
    path, label = table.one_of(PATHS), table.one_of(LABELS)
    root = table.file.parent
    first: dict[str, Row] = {}
    for row in table.rows:
        name = _name(row, path)
        if not row.cells[label]:
            raise DataError(f"{name} has no {label}", where=row.where, fix="Write one, or take the line out.")
        before = first.setdefault(name, row)
        if before is not row:
            other = f", as {before.cells[label]!r}" if before.cells[label] != row.cells[label] else ""
            raise DataError(
                f"{name} is listed again", where=row.where, fix=f"It is at {before.where}{other}: keep one line."
            )
    labels = tuple(sorted({row.cells[label] for row in table.rows}))
    files = {name: root / name for name in first}
    check_present(text, list(files.items()))
    pictures = tuple(
        Listed(
            name=name,
            label=labels.index(row.cells[label]),
            split=_split(row),
            read=partial(read_picture, files[name]),
            group=row.cells.get(GROUP) or None,
            columns=_others(row, (path, label)),
        )
        for name, row in first.items()
    )
    return Origin(text=text, labels=labels, pictures=pictures, suggestion=SUGGESTION)


def _with_boxes(text: str, table: Table) -> Origin:
    path, label = table.one_of(PATHS), table.one_of(LABELS)
    root = table.file.parent
    labels = tuple(sorted({row.cells[label] for row in table.rows} - {""}))
    rows: dict[str, list[Row]] = {}
    for row in table.rows:
        rows.setdefault(_name(row, path), []).append(row)
    marked = [
        Marked(
            file=root / name,
            name=below(root / name, root),
            split=_agreed_split(mine),
            size_wh=_size_wh(mine[0]),
            written=[_written(row, labels.index(row.cells[label])) for row in mine if row.cells[label]],
            columns=_others(mine[0], (path, label, *CORNERS, *_SIZE)),
            group=mine[0].cells.get(GROUP) or None,
        )
        for name, mine in rows.items()
    ]
    return marked_origin(text, labels, marked)


def _name(row: Row, path: str) -> str:
    if not row.cells[path]:
        raise DataError(f"the {path} is empty", where=row.where, fix="Write the picture's path from the CSV's folder.")
    return os.path.normpath(row.cells[path].replace("\\", "/"))


def _written(row: Row, label: int) -> Written:
    try:
        left, top, right, bottom = (float(row.cells[corner]) for corner in CORNERS)
    except ValueError as problem:
        raise DataError("a corner is not a number", where=row.where, fix=f"Fill {', '.join(CORNERS)}.") from problem
    return Written(label, (left, top, right, bottom), row.where)


def _size_wh(row: Row) -> tuple[int, int] | None:
    width, height = (row.cells.get(side, "") for side in _SIZE)
    return (int(width), int(height)) if width.isdigit() and height.isdigit() and int(width) and int(height) else None


def _agreed_split(rows: Sequence[Row]) -> SplitName | None:
    splits = {_split(row) for row in rows}
    if len(splits) > 1:
        raise DataError("one picture is in two splits", where=rows[-1].where, fix=f"See also {rows[0].where}.")
    return splits.pop()


def _split(row: Row) -> SplitName | None:
    written = row.cells.get(SPLIT, "").lower()
    if written and written not in SPLIT_WORDS:
        raise DataError(
            f"split {written!r} is unknown", where=row.where, fix="Write train, validation, test or nothing."
        )
    return SPLIT_WORDS.get(written)


def _others(row: Row, taken: Sequence[str]) -> dict[str, str]:
    return {column: cell for column, cell in row.cells.items() if column not in (*taken, SPLIT, GROUP) and cell}


def with_sidecar(origin: Origin, root: Path) -> Origin:
    """`origin` with what `pictures.csv` in its folder says about its pictures: group, time and other columns."""
    file = root / SIDECAR
    if not file.is_file():
        return origin
    table = read_table(file)
    path = table.one_of(PATHS)
    rows: dict[str, Row] = {}
    for row in table.rows:
        name = _name(row, path)
        if name in rows:
            raise DataError(
                f"{name} is listed again", where=row.where, fix=f"It is at {rows[name].where}: keep one line."
            )
        rows[name] = row
    absent = sorted(set(rows) - {picture.name for picture in origin.pictures})
    if absent:
        raise DataError(
            f"{len(absent)} pictures are not in the folder: {named(absent)}",
            where=rows[absent[0]].where,
            fix="Write paths from the folder of pictures.csv, or take the lines out.",
        )
    pictures = (_told(picture, rows.get(picture.name), path) for picture in origin.pictures)
    return replace(origin, pictures=tuple(pictures))


def _told(picture: Listed, row: Row | None, path: str) -> Listed:
    if row is None:
        return picture
    columns = {**picture.columns, **_others(row, (path,))}
    return replace(picture, group=row.cells.get(GROUP) or picture.group, columns=columns)
