"""YOLO text: a `data.yaml`, pictures below `images`, and a text file of boxes for each below `labels`.

The format is that of the Ultralytics documentation (https://docs.ultralytics.com/datasets/detect/): a line is
`class cx cy width height`, shares of the upright picture's size, classes counted from 0; `class x1 y1 x2 y2 x3 y3 …`
is the outline of a thing, and its box is read. A picture without a text file, or with an empty one, shows nothing.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from contract.errors import DataError
from trainer.data.named import named
from trainer.data.odd_boxes import Written
from trainer.data.origin import Origin, SplitName
from trainer.data.upright_size import upright_size_wh
from trainer.formats.marked import Marked, below, check_present, is_picture, marked_origin, text_of
from trainer.formats.plain_yaml import Value, read_yaml

YAML_SUFFIXES = (".yaml", ".yml")
_SPLIT_KEYS: tuple[tuple[str, SplitName], ...] = (
    ("train", "train"), ("val", "validation"), ("valid", "validation"), ("validation", "validation"), ("test", "test"),
)  # fmt: skip
_NAMES_FIX = "Write names: [a, b], or a line `0: a` for each, counted from 0."


def yaml_of(root: Path) -> Path | None:
    """The `data.yaml` of a folder, or its only YAML file that has `names:`."""
    if (root / "data.yaml").is_file():
        return root / "data.yaml"
    there = [file for file in sorted(root.iterdir()) if file.suffix in YAML_SUFFIXES and file.is_file()]
    naming = [file for file in there if any(line.startswith(b"names:") for line in file.read_bytes().splitlines())]
    return naming[0] if len(naming) == 1 else None


def yolo_origin(text: str, yaml: Path) -> Origin:
    """The pictures that `yaml` speaks of; DataError names the file and line of what cannot be read."""
    settings = read_yaml(text_of(yaml, what="data.yaml"), where=str(yaml))
    names = _names(settings, str(yaml))
    base = yaml.parent
    listed = list(_pictures(settings, yaml))
    if not listed:
        raise DataError("no picture is listed", where=str(yaml), fix="Say where they are: train: images/train")
    check_present(text, [(below(file, base), file) for file, _ in listed])
    if not any(_labels_of(file).is_file() for file, _ in listed):
        raise DataError(
            f"none of {len(listed)} pictures has a label file",
            where=text,
            fix=f"The first is looked for at {_labels_of(listed[0][0])}.",
        )
    reading = _Reading(names, base)
    return marked_origin(text, names, [reading.marked(file, split) for file, split in listed])


@dataclass(frozen=True, slots=True)
class _Reading:
    """Label files of one set."""

    names: tuple[str, ...]
    base: Path

    def marked(self, file: Path, split: SplitName | None) -> Marked:
        """The picture `file` with the boxes of its label file."""
        labels = _labels_of(file)
        lines = text_of(labels).splitlines() if labels.is_file() else []
        size_wh = upright_size_wh(file)
        # A picture without a readable size will be refused when it is read; its boxes do not matter then.
        written = [
            self._written(line, f"{labels}:{number}", size_wh)
            for number, line in enumerate(lines, 1)
            if size_wh and line.strip()
        ]
        return Marked(file, below(file, self.base), split, size_wh, written)

    def _written(self, line: str, where: str, size_wh: tuple[int, int]) -> Written:
        values = self._numbers(line, where)
        label = self._label(values[0], where)
        width, height = size_wh
        if len(values) == 5:
            cx, cy, w, h = values[1:]
            left, top, right, bottom = cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2
        else:
            xs, ys = values[1::2], values[2::2]
            left, top, right, bottom = min(xs), min(ys), max(xs), max(ys)
            if not all(map(math.isfinite, values)):
                left = math.nan
        return Written(label, (left * width, top * height, right * width, bottom * height), where)

    def _numbers(self, line: str, where: str) -> list[float]:
        words = line.split()
        if len(words) != 5 and (len(words) < 7 or len(words) % 2 == 0):
            raise DataError(
                f"{len(words)} values are neither a box nor an outline",
                where=where,
                fix="Write class cx cy width height, or class x1 y1 x2 y2 x3 y3 …",
            )
        try:
            return [float(word) for word in words]
        except ValueError as problem:
            raise DataError("a value is not a number", where=where, fix="Write class cx cy width height.") from problem

    def _label(self, value: float, where: str) -> int:
        if not (math.isfinite(value) and value.is_integer() and 0 <= value < len(self.names)):
            known = named([f"{number} {name}" for number, name in enumerate(self.names)])
            raise DataError(f"class {value:g} is unknown", where=where, fix=f"Known are: {known}.")
        return int(value)


def _names(settings: dict[str, Value], where: str) -> tuple[str, ...]:
    found = settings.get("names")
    if isinstance(found, dict):
        if sorted(found, key=lambda key: (len(key), key)) != [str(number) for number in range(len(found))]:
            raise DataError("the classes are not counted from 0 without gaps", where=where, fix=_NAMES_FIX)
        names = tuple(found[str(number)] for number in range(len(found)))
    else:
        names = tuple(found) if isinstance(found, list) else ()
    if not names or not all(names):
        raise DataError("there are no class names", where=where, fix=_NAMES_FIX)
    if len(set(names)) < len(names):
        raise DataError(f"two classes have one name: {named(names)}", where=where, fix="Name each class differently.")
    count = settings.get("nc", str(len(names)))
    if count != str(len(names)):
        raise DataError(f"nc is {count}, and there are {len(names)} names", where=where, fix="Correct one of them.")
    return names


def _pictures(settings: dict[str, Value], yaml: Path) -> Iterator[tuple[Path, SplitName | None]]:
    """Each picture once for each split it is listed in."""
    path = settings.get("path", "")
    root = yaml.parent / path if isinstance(path, str) else yaml.parent
    roots = (root, yaml.parent) if root.is_dir() else (yaml.parent,)
    seen: set[SplitName] = set()
    for key, split in _SPLIT_KEYS:
        value = settings.get(key, "")
        places = value if isinstance(value, list) else [value] if isinstance(value, str) and value else []
        if places and split in seen:
            raise DataError(f"two keys for the {split} split", where=str(yaml), fix="Keep one of them.")
        seen |= {split} if places else set()
        for place in places:
            yield from ((file, split) for file in _at(place, roots, yaml))
    if not seen and (root / "images").is_dir():
        yield from ((file, None) for file in _in_folder(root / "images"))


def _at(place: str, roots: Sequence[Path], yaml: Path) -> Iterator[Path]:
    """The pictures of a folder or a list; exports that say `../train/images` for `train/images` are understood."""
    plain = place.removeprefix("../")
    for tried in (*(root / place for root in roots), *(root / plain for root in roots)):
        candidate = Path(os.path.normpath(tried))  # names without `..`, and links left as they are
        if candidate.is_dir():
            yield from _in_folder(candidate)
            return
        if candidate.is_file():
            yield from _in_list(candidate, roots)
            return
    raise DataError(f"{place!r} is not there", where=str(yaml), fix=f"It is looked for below {roots[0]}.")


def _in_folder(folder: Path) -> Iterator[Path]:
    yield from (file for file in sorted(folder.rglob("*")) if is_picture(file) and file.is_file())


def _in_list(file: Path, roots: Sequence[Path]) -> Iterator[Path]:
    for line in text_of(file, what="list of pictures").splitlines():
        if name := line.strip():
            tried = [Path(os.path.normpath(base / name)) for base in (file.parent, *roots)]
            yield next((picture for picture in tried if picture.is_file()), tried[0])


def _labels_of(picture: Path) -> Path:
    """The last folder `images` of its path becomes `labels`; beside the picture where there is none."""
    parts = list(picture.parts)
    folders = [place for place, part in enumerate(parts[:-1]) if part == "images"]
    if folders:
        parts[folders[-1]] = "labels"
    return Path(*parts).with_suffix(".txt")
