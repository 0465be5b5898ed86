"""Pascal VOC: an XML file a picture, in `Annotations` beside `JPEGImages`, or each beside its picture.

The format is that of the "VOC2012 Development Kit" (M. Everingham, J. Winn, 2012): corners are pixels, counted from 1
and inside the box, so that its edges are xmin - 1, ymin - 1, xmax, ymax. Many tools write edges counted from 0
instead. A set in which some corner is 0 or has a fraction cannot be the former and is read as the latter; where
neither occurs the standard is followed, which may then be wrong by one pixel on two sides. A box whose corners are
written equal is a stray click in either, not a thing of one pixel.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from contract.errors import DataError
from edge.pictures import PICTURE_SUFFIXES
from trainer.data.named import named
from trainer.data.odd_boxes import Written, wrong_with
from trainer.data.origin import Origin, SplitName
from trainer.formats.marked import Marked, below, is_picture, marked_origin, text_of
from trainer.formats.safe_xml import Node, read_xml
from trainer.formats.split_folders import split_folders

_LABEL_FOLDERS, _PICTURE_FOLDERS = ("Annotations", "annotations"), ("JPEGImages", "images")
_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_SPLIT_FILES: tuple[tuple[str, SplitName], ...] = (("train", "train"), ("val", "validation"), ("test", "test"))
_CLASS_FILES = ("classes.txt", "labels.txt")


@dataclass(frozen=True, slots=True)
class _Object:
    """One `<object>`, as written."""

    name: str
    corners: tuple[float, float, float, float] | None
    difficult: bool
    where: str


@dataclass(frozen=True, slots=True)
class _Sheet:
    """One XML file and its picture."""

    file: Path
    picture: Path
    split: SplitName | None
    size_wh: tuple[int, int] | None
    objects: tuple[_Object, ...]


def looks_like_voc(root: Path) -> bool:
    """Whether `root` has an `Annotations` folder of XML, or XML beside pictures, by split or not."""
    labels = _first(root, _LABEL_FOLDERS)
    if labels is not None and any(labels.glob("*.xml")):
        return True
    return any(any(folder.glob("*.xml")) for _, folder in _flat_folders(root))


def voc_origin(text: str) -> Origin:
    """The pictures of the VOC folder `text`; DataError names the file and line of what cannot be read."""
    root = Path(text)
    labels = _first(root, _LABEL_FOLDERS)
    apart = labels is not None and any(labels.glob("*.xml"))
    found = _apart(root, labels) if labels is not None and apart else _together(root)
    sheets = [_sheet(file, pictures, split) for file, pictures, split in found]
    names = _class_names(root, sheets)
    from_one = all(_counts_from_one(one) for sheet in sheets for one in sheet.objects if one.corners)
    marked = [
        Marked(
            file=sheet.picture,
            name=below(sheet.picture, root),
            split=sheet.split,
            size_wh=sheet.size_wh,
            written=[_written(one, names, from_one) for one in sheet.objects],
        )
        for sheet in sheets
    ]
    return marked_origin(text, names, marked, _passed_over(root, sheets))


def _first(root: Path, names: Sequence[str]) -> Path | None:
    return next((root / name for name in names if (root / name).is_dir()), None)


def _flat_folders(root: Path) -> Sequence[tuple[SplitName | None, Path]]:
    return split_folders(root) or [(None, root)]


def _apart(root: Path, labels: Path) -> Iterator[tuple[Path, Path, SplitName | None]]:
    """Each XML file of `labels`, the folder of its picture, and the split its list says."""
    pictures = _first(root, _PICTURE_FOLDERS) or labels
    splits = _listed_splits(root)
    if splits is None:
        yield from ((file, pictures, None) for file in sorted(labels.glob("*.xml")))
        return
    missing = [stem for stem in splits if not (labels / f"{stem}.xml").is_file()]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(splits)} listed pictures have no XML: {named(missing)}",
            where=str(root / "ImageSets" / "Main"),
            fix="Add the label files, or take the names out of the lists.",
        )
    yield from ((labels / f"{stem}.xml", pictures, split) for stem, split in splits.items())


def _together(root: Path) -> Iterator[tuple[Path, Path, SplitName | None]]:
    for split, folder in _flat_folders(root):
        yield from ((file, folder, split) for file in sorted(folder.glob("*.xml")) if not file.name.startswith("."))


def _listed_splits(root: Path) -> dict[str, SplitName] | None:
    """Stem to split of `ImageSets/Main`; None where there are no such lists. `trainval` stands in for `train`."""
    lists = root / "ImageSets" / "Main"
    there = [(lists / f"{name}.txt", split) for name, split in _SPLIT_FILES if (lists / f"{name}.txt").is_file()]
    if not any(split == "train" for _, split in there) and (lists / "trainval.txt").is_file():
        there = [(lists / "trainval.txt", "train"), *(one for one in there if one[1] == "test")]
    if not there:
        return None
    splits: dict[str, SplitName] = {}
    for file, split in there:
        for number, line in enumerate(text_of(file, what="list of pictures").splitlines(), 1):
            stem = line.split()[0] if line.split() else ""
            if splits.setdefault(stem, split) != split:
                raise DataError(
                    f"{stem} is in the list for {splits[stem]} as well",
                    where=f"{file}:{number}",
                    fix="Keep each picture in one list.",
                )
    splits.pop("", None)
    return splits


def _sheet(file: Path, pictures: Path, split: SplitName | None) -> _Sheet:
    root = read_xml(file)
    if root.tag != "annotation":
        raise DataError(
            f"this is no Pascal VOC file: its outermost element is <{root.tag}>",
            where=f"{file}:{root.line}",
            fix="It should be <annotation>.",
        )
    objects = tuple(_object(node, f"{file}:{node.line}, object {n}") for n, node in enumerate(root.all("object"), 1))
    return _Sheet(file, _picture_of(file, pictures, root.said("filename")), split, _size_wh(root), objects)


def _picture_of(file: Path, folder: Path, filename: str) -> Path:
    """The picture with the name of the XML file, else the one it names; perhaps it is not there."""
    if filename and Path(filename).stem == file.stem and (folder / Path(filename).name).is_file():
        return folder / Path(filename).name
    for suffix in (*sorted(PICTURE_SUFFIXES), *sorted(map(str.upper, PICTURE_SUFFIXES))):
        if (folder / f"{file.stem}{suffix}").is_file():
            return folder / f"{file.stem}{suffix}"
    return folder / (Path(filename).name or f"{file.stem}.jpg")


def _size_wh(root: Node) -> tuple[int, int] | None:
    """As written; None where it is absent or zero, which several tools write for unknown."""
    size = root.find("size")
    try:
        width, height = (int(float(size.said(side))) if size else 0 for side in ("width", "height"))
    except (ValueError, OverflowError):
        return None
    return (width, height) if width > 0 and height > 0 else None


def _object(node: Node, where: str) -> _Object:
    box = node.find("bndbox")
    name = node.said("name")
    if not name:
        raise DataError("an object has no name", where=where, fix="Give it a <name>.")
    corners: tuple[float, float, float, float] | None = None
    if box is not None:
        try:
            left, top, right, bottom = (float(box.said(corner)) for corner in _CORNERS)
            corners = (left, top, right, bottom)
        except ValueError:
            corners = None
    return _Object(name, corners, node.said("difficult") not in ("", "0"), where)


def _counts_from_one(one: _Object) -> bool:
    """Whether its corners can be pixels counted from 1: whole numbers, none of them 0."""
    finite = [corner for corner in one.corners or () if math.isfinite(corner)]
    return all(corner.is_integer() for corner in finite) and 0.0 not in finite


def _class_names(root: Path, sheets: Sequence[_Sheet]) -> tuple[str, ...]:
    """In the order of `classes.txt` where there is one, which then knows them all; sorted otherwise."""
    file = next((root / name for name in _CLASS_FILES if (root / name).is_file()), None)
    used = {one.name: one.where for sheet in sheets for one in reversed(sheet.objects)}
    if file is None:
        return tuple(sorted(used))
    known = tuple(line.strip() for line in text_of(file, what="list of classes").splitlines() if line.strip())
    twice = [name for name, count in Counter(known).items() if count > 1]
    if twice:
        raise DataError(f"class {twice[0]!r} is listed twice", where=str(file), fix="List each class once.")
    for name, where in used.items():
        if name not in known:
            raise DataError(f"class {name!r} is unknown", where=where, fix=f"{file.name} knows: {named(known)}.")
    return known


def _written(one: _Object, names: Sequence[str], from_one: bool) -> Written:
    label = names.index(one.name)
    if one.corners is None:
        return Written(label, (0.0, 0.0, 0.0, 0.0), one.where, problem="it has no bndbox of four numbers")
    left, top, right, bottom = one.corners
    shift = 1.0 if from_one else 0.0
    return Written(
        label,
        (left - shift, top - shift, right, bottom),
        one.where,
        crowd=one.difficult,
        problem=wrong_with(one.corners),
    )


def _passed_over(root: Path, sheets: Sequence[_Sheet]) -> list[str]:
    """Pictures beside the listed ones that nobody marked."""
    listed = {sheet.picture for sheet in sheets}
    folders = sorted({picture.parent for picture in listed})
    return [
        below(file, root)
        for folder in folders
        if folder.is_dir()
        for file in sorted(folder.iterdir())
        if is_picture(file) and file not in listed
    ]
