"""COCO detection JSON: one file of pictures, classes and boxes a split.

The format is that of https://cocodataset.org/#format-data: `bbox` is left, top, width, height in pixels counted from
0, `iscrowd` marks a group. Ids may have gaps; classes are numbered in the order of theirs. Found are a JSON file that
is named, `annotations/instances_*.json`, and `_annotations.coco.json` in split folders, as Roboflow writes it.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from contract.codec import plain
from contract.errors import DataError
from trainer.data.named import named
from trainer.data.odd_boxes import Written
from trainer.data.origin import Origin, SplitName
from trainer.formats.marked import Marked, below, bytes_of, is_picture, marked_origin
from trainer.formats.split_folders import SPLIT_WORDS, split_folders

_IN_FOLDER = "_annotations.coco.json"
_MOST_NAMED = 20
_NEWLINE = b"\n"


class Picture(msgspec.Struct, frozen=True):
    """One of `images`."""

    id: int | str
    file_name: str
    width: int | None = None
    height: int | None = None


class Category(msgspec.Struct, frozen=True):
    """One of `categories`."""

    id: int
    name: str
    supercategory: str | None = None


class Annotation(msgspec.Struct, frozen=True):
    """One of `annotations`."""

    image_id: int | str
    category_id: int
    bbox: list[float | None] | None = None
    iscrowd: int | bool = 0


class Sheet(msgspec.Struct, frozen=True):
    """The parts of a COCO file that are read."""

    images: list[Picture]
    categories: list[Category]
    annotations: list[Annotation] = []


@dataclass(frozen=True, slots=True)
class _Read:
    """A COCO file, and what its pictures are for."""

    file: Path
    split: SplitName | None
    sheet: Sheet


def coco_files(root: Path) -> list[tuple[SplitName | None, Path]]:
    """The COCO files of a folder, by split where it has splits; none where it is no such folder."""
    by_split = [(split, folder / _IN_FOLDER) for split, folder in split_folders(root)]
    there: list[tuple[SplitName | None, Path]] = [(split, file) for split, file in by_split if file.is_file()]
    if there or (root / _IN_FOLDER).is_file():
        return there or [(None, root / _IN_FOLDER)]
    instances = [*root.glob("instances_*.json"), *(root / "annotations").glob("instances_*.json")]
    return [(split_in(file.stem), file) for file in sorted(instances)]


def split_in(stem: str) -> SplitName | None:
    """The split in a name such as `instances_train2017`; None where there is none."""
    word = stem.removeprefix("instances_").lower().rstrip("0123456789_-")
    return SPLIT_WORDS.get(word)


def coco_origin(text: str, files: Sequence[tuple[SplitName | None, Path]]) -> Origin:
    """The pictures of COCO `files`; DataError names the file and place of what cannot be read."""
    root = Path(text) if Path(text).is_dir() else Path(text).parent
    splits = [split for split, _ in files if split]
    if len(files) > 1 and (len(splits) < len(files) or len(set(splits)) < len(splits)):
        raise DataError(
            f"{len(files)} COCO files, and their names do not say one split each: {named([f.name for _, f in files])}",
            where=text,
            fix="Call them instances_train.json, instances_val.json, instances_test.json, or name one of them.",
        )
    read = [_Read(file, split, _sheet(file)) for split, file in files]
    names = _class_names(read)
    marked = [one for each in read for one in _marked(each, names, root)]
    listed = {one.file for one in marked}
    beside = sorted({one.file.parent for one in marked})
    passed_over = [
        below(file, root)
        for folder in beside
        if folder.is_dir()
        for file in sorted(folder.iterdir())
        if is_picture(file) and file not in listed
    ]
    return marked_origin(text, names, marked, passed_over)


def _sheet(file: Path) -> Sheet:
    data = bytes_of(file)
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
    try:
        sheet = msgspec.json.decode(data, type=Sheet)
    except msgspec.ValidationError as problem:
        raise DataError(
            f"this is no COCO file: {plain(str(problem))}", where=str(file), fix="It needs images and categories."
        ) from problem
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise DataError(
            f"the label file is no whole JSON in UTF-8: {plain(str(problem))}",
            where=f"{file}{_line_of(data, str(problem))}",
            fix="Write it anew.",
        ) from problem
    _check_ids(file, sheet)
    return sheet


def _line_of(data: bytes, problem: str) -> str:
    """`:LINE` of the first byte that is no UTF-8, or that msgspec's message names; else of the end."""
    digits = problem.rpartition("byte ")[2].rstrip(")")
    at = int(digits) if digits.isdigit() else len(data)
    try:
        data.decode()
    except UnicodeDecodeError as wrong:
        at = wrong.start
    return f":{data.count(_NEWLINE, 0, at) + 1}"


def _check_ids(file: Path, sheet: Sheet) -> None:
    for what, values in (
        ("picture id", [picture.id for picture in sheet.images]),
        ("class id", [category.id for category in sheet.categories]),
        ("class", [category.name for category in sheet.categories]),
    ):
        twice = [value for value, count in Counter(values).items() if count > 1]
        if twice:
            raise DataError(f"{what} {twice[0]!r} is there twice", where=str(file), fix="Each stands for one thing.")
    classes = {category.id for category in sheet.categories}
    pictures = {picture.id for picture in sheet.images}
    for number, annotation in enumerate(sheet.annotations):
        where = f"{file}, annotations[{number}]"
        if annotation.category_id not in classes:
            known = [f"{category.id} {category.name}" for category in sheet.categories]
            more = f" and {len(known) - _MOST_NAMED} more" if len(known) > _MOST_NAMED else ""
            raise DataError(
                f"class id {annotation.category_id} is unknown",
                where=where,
                fix=f"Known are: {', '.join(known[:_MOST_NAMED])}{more}.",
            )
        if annotation.image_id not in pictures:
            raise DataError(
                f"picture id {annotation.image_id!r} is unknown", where=where, fix="List the picture in images."
            )


def _class_names(read: Sequence[_Read]) -> tuple[str, ...]:
    """In the order of their ids in the first file that has them.

    Some exports carry the name of the project as a class of its own, the parent of all others and never used: it is
    left out.
    """
    names: dict[str, None] = {}
    for each in read:
        used = {annotation.category_id for annotation in each.sheet.annotations}
        parents = {
            category.supercategory for category in each.sheet.categories if category.supercategory != category.name
        }
        for category in sorted(each.sheet.categories, key=lambda category: category.id):
            if category.id in used or category.name not in parents:
                names.setdefault(category.name)
    if not names:
        raise DataError("there are no categories", where=str(read[0].file), fix="Name the classes in it.")
    return tuple(names)


def _marked(each: _Read, names: Sequence[str], root: Path) -> Iterator[Marked]:
    label_of = {category.id: names.index(category.name) for category in each.sheet.categories if category.name in names}
    written: dict[int | str, list[Written]] = defaultdict(list)
    for number, annotation in enumerate(each.sheet.annotations):
        where = f"{each.file}, annotations[{number}]"
        written[annotation.image_id].append(_written(annotation, label_of[annotation.category_id], where))
    places = _places(each.file)
    for picture in each.sheet.images:
        tried = [Path(os.path.normpath(place / picture.file_name)) for place in places]
        file = next((one for one in tried if one.is_file()), tried[0])
        width, height = picture.width or 0, picture.height or 0
        size_wh = (width, height) if width > 0 and height > 0 else None
        yield Marked(file, below(file, root), each.split, size_wh, written[picture.id])


def _places(file: Path) -> list[Path]:
    """Where the pictures of a COCO file may lie: beside it, in `images`, in a folder of its name, or one up."""
    own = file.stem.removeprefix("instances_")
    parents = [file.parent, file.parent.parent] if file.parent.name in ("annotations", "labels") else [file.parent]
    return [place for parent in parents for place in (parent, parent / "images", parent / own, parent / "images" / own)]


def _written(annotation: Annotation, label: int, where: str) -> Written:
    box = [value for value in annotation.bbox or () if value is not None]
    if annotation.bbox is None or len(box) != 4 or len(annotation.bbox) != 4:
        return Written(label, (0.0, 0.0, 0.0, 0.0), where, problem="it has no bbox of four numbers")
    left, top, width, height = box
    return Written(label, (left, top, left + width, top + height), where, crowd=bool(annotation.iscrowd))
