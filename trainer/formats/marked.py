"""From what a label file says to an `Origin` for detectors: what all formats with boxes share.

A picture is listed with its boxes in pixels of the picture as it will be read. Where the label file gives another
size than the picture turns out to have, reading that picture fails with one sentence: its boxes are somewhere else,
most often because it was marked before it was turned upright, or resized afterwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from contract.errors import DamagedFrameError, DataError
from edge.frames import Pixels
from edge.pictures import PICTURE_SUFFIXES, read_picture
from trainer.data.boxes import Box, OddBox
from trainer.data.folders import SUGGESTION
from trainer.data.named import named
from trainer.data.odd_boxes import Written, sort_out
from trainer.data.origin import Listed, Origin, SplitName
from trainer.data.upright_size import upright_size_wh


@dataclass(frozen=True, slots=True)
class Marked:
    """A picture and what was marked in it."""

    file: Path
    name: str
    """Below the folder that was named."""
    split: SplitName | None
    size_wh: tuple[int, int] | None
    """As the label file says; None where it does not."""
    written: Sequence[Written]
    columns: Mapping[str, str] = field(default_factory=dict)
    group: str | None = None


def marked_origin(
    text: str, labels: Sequence[str], marked: Sequence[Marked], passed_over: Sequence[str] = ()
) -> Origin:
    """The pictures `text` names, with their boxes; DataError where files are missing or named twice."""
    if not marked:
        raise DataError("no picture is listed", where=text, fix="See docs/datasets.md for how pictures are laid out.")
    _check_files(text, marked)
    pictures: list[Listed] = []
    odd: list[OddBox] = []
    cut: list[OddBox] = []
    for one in marked:
        size_wh = one.size_wh or upright_size_wh(one.file)
        boxes, left_out, clipped = sort_out(one.name, one.written, size_wh)
        pictures.append(_listed(one, boxes, size_wh))
        odd += left_out
        cut += clipped
    return Origin(
        text=text,
        labels=tuple(labels),
        pictures=tuple(pictures),
        suggestion=SUGGESTION,
        task="detect",
        odd_boxes=tuple(odd),
        cut_boxes=tuple(cut),
        passed_over=tuple(passed_over),
    )


def _listed(one: Marked, boxes: tuple[Box, ...], size_wh: tuple[int, int] | None) -> Listed:
    return Listed(
        name=one.name,
        label=most_frequent(boxes),
        split=one.split,
        read=partial(read_marked, one.file, size_wh),
        boxes=boxes,
        group=one.group,
        columns=one.columns,
    )


def read_marked(file: Path, size_wh: tuple[int, int] | None) -> Pixels:
    """The picture in `file`; DamagedFrameError where it is not of the size its boxes were written for."""
    pixels = read_picture(file)
    what = size_mismatch(size_wh, (pixels.shape[1], pixels.shape[0]))
    if what:
        raise DamagedFrameError(what, where=str(file), fix="Mark it again as it is seen upright, or correct the size.")
    return pixels


def size_mismatch(written_wh: tuple[int, int] | None, read_wh: tuple[int, int]) -> str | None:
    """What is wrong where a label file speaks of a picture of another size; None where nothing is."""
    if written_wh is None or written_wh == read_wh:
        return None
    why = "it was marked before it was turned upright" if written_wh == read_wh[::-1] else "its boxes are elsewhere"
    return f"its label file says {written_wh[0]}x{written_wh[1]} pixels and it has {read_wh[0]}x{read_wh[1]}: {why}"


def most_frequent(boxes: Sequence[Box]) -> int:
    """The class most boxes have, the smallest of several; -1 without boxes."""
    counts = Counter(box.label for box in boxes)
    return min(counts, key=lambda label: (-counts[label], label), default=-1)


def text_of(file: Path, *, what: str = "label file") -> str:
    """The UTF-8 text of `file`, with or without a byte order mark; DataError names the line that is not UTF-8."""
    data = bytes_of(file, what=what)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = data[: problem.start].count(b"\n") + 1
        raise DataError(f"the {what} is not UTF-8", where=f"{file}:{line}", fix="Save it as UTF-8.") from problem


def bytes_of(file: Path, *, what: str = "label file") -> bytes:
    """The bytes of `file`, or DataError."""
    try:
        return file.read_bytes()
    except OSError as problem:
        raise DataError(
            f"the {what} cannot be read: {problem.strerror}", where=str(file), fix="Check the path and its permissions."
        ) from problem


def check_present(text: str, files: Sequence[tuple[str, Path]]) -> None:
    """DataError that names and counts the pictures, (as written, where looked for), that are not there."""
    missing = [name for name, file in files if not file.is_file()]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(files)} pictures are missing: {named(missing)}",
            where=text,
            fix="Put them where their labels say, or take them out of the label file.",
        )


def is_picture(file: Path) -> bool:
    """Whether the name of `file` is a picture's; hidden ones are none."""
    return file.suffix.lower() in PICTURE_SUFFIXES and not file.name.startswith(".")


def below(file: Path, root: Path) -> str:
    """`file` as it is called from `root`, or in full where it lies elsewhere."""
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else file.as_posix()


def _check_files(text: str, marked: Sequence[Marked]) -> None:
    check_present(text, [(one.name, one.file) for one in marked])
    twice = [name for name, count in Counter(one.name for one in marked).items() if count > 1]
    if twice:
        raise DataError(
            f"{len(twice)} pictures are listed twice: {named(twice)}", where=text, fix="List each of them once."
        )
