"""Where a cleaning is written: a CSV that `edgeferry train` reads, COCO JSON for boxes, and what was left out.

Every file is written whole or not at all, and none that is there is replaced unless somebody said so.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from contract.codec import to_pretty_json
from contract.errors import ConfigError, DataError
from trainer.checks.boxes import SAME, marked_again
from trainer.checks.cleaning import Cleaning
from trainer.checks.examined import Examined
from trainer.checks.file_facts import file_of
from trainer.checks.new_files import write_new
from trainer.data.origin import Listed

_COLUMNS = ("path", "label", "split", "group")


def write_cleaned(seen: Examined, cleaning: Cleaning, out: Path, *, force: bool) -> tuple[Path, ...]:
    """Write `out`, and beside it `NAME.dropped.csv`; the files written.

    Boxes go to COCO JSON, which has no place for splits: with splits given, one file each, `NAME_train.json` and so on.
    ConfigError where a file is there already or has the wrong ending, DataError where the pictures are no files.
    """
    wanted = ".json" if seen.detect else ".csv"
    if out.suffix.lower() != wanted:
        what = "pictures with boxes are written as COCO JSON" if seen.detect else "cleaned pictures are listed in a CSV"
        raise ConfigError(what, where=str(out), fix=f"Name a file that ends in {wanted}.")
    paths = _paths(seen, out)
    files = {out.with_name(f"{out.stem}.dropped.csv"): _dropped(seen, cleaning, paths)}
    files |= _coco_files(seen, cleaning, paths, out) if seen.detect else {out: _list(cleaning, paths)}
    return write_new(files, force=force)


def _paths(seen: Examined, out: Path) -> dict[str, str]:
    """Each picture as it is reached from the folder of `out`."""
    there = {picture.name: file_of(seen.origin, picture.name) for picture in seen.origin.pictures}
    if None in there.values():
        raise DataError(
            "these pictures are no files, so no list can point at them", where=seen.origin.text, fix="Leave --fix out."
        )
    here = out.absolute().parent
    return {name: Path(os.path.relpath(file.absolute(), here)).as_posix() for name, file in there.items() if file}


def _list(cleaning: Cleaning, paths: Mapping[str, str]) -> bytes:
    kept = cleaning.kept
    more = sorted({key for picture in kept for key in picture.columns} - set(_COLUMNS))
    rows = [
        [*_row(picture, paths, cleaning.labels[picture.name]), *(picture.columns.get(key, "") for key in more)]
        for picture in kept
    ]
    return _csv([*_COLUMNS, *more], rows)


def _dropped(seen: Examined, cleaning: Cleaning, paths: Mapping[str, str]) -> bytes:
    labels = seen.origin.labels
    rows = [
        [*_row(picture, paths, labels[picture.label] if picture.label >= 0 else ""), why]
        for picture, why in cleaning.dropped
    ]
    return _csv([*_COLUMNS, "why"], rows)


def _row(picture: Listed, paths: Mapping[str, str], label: str) -> list[str]:
    return [paths[picture.name], label, picture.split or "", picture.group or ""]


def _csv(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return stream.getvalue().encode()


def _coco_files(seen: Examined, cleaning: Cleaning, paths: Mapping[str, str], out: Path) -> dict[Path, bytes]:
    sizes = {read.listed.name: read.size_wh for read in seen.good}
    splits = dict.fromkeys(picture.split for picture in cleaning.kept)
    files = {}
    for split in splits:
        pictures = [picture for picture in cleaning.kept if picture.split == split]
        file = out if split is None else out.with_name(f"{out.stem}_{split}{out.suffix}")
        files[file] = _coco(pictures, seen.origin.labels, sizes, paths)
    return files


def _coco(
    pictures: Sequence[Listed],
    labels: Sequence[str],
    sizes: Mapping[str, tuple[int, int]],
    paths: Mapping[str, str],
) -> bytes:
    """The format of https://cocodataset.org/#format-data; ids count from 1 in the order of the set."""
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for number, picture in enumerate(pictures, 1):
        width, height = sizes[picture.name]
        images.append({"id": number, "file_name": paths[picture.name], "width": width, "height": height})
        again = marked_again(picture.boxes, SAME, same=True)
        for box in (box for position, box in enumerate(picture.boxes) if position not in again):
            left, top, right, bottom = box.xyxy_px
            annotations.append(
                {"id": len(annotations) + 1, "image_id": number, "category_id": box.label + 1,
                 "bbox": [left, top, right - left, bottom - top], "area": (right - left) * (bottom - top),
                 "iscrowd": int(box.crowd)}
            )  # fmt: skip
    categories = [{"id": number, "name": name} for number, name in enumerate(labels, 1)]
    return to_pretty_json({"images": images, "categories": categories, "annotations": annotations})
