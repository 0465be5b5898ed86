"""Pictures with boxes that come in addition to a detector's data: any format `trainer.formats` reads, or kept frames.

In a folder `edgeferry dataset label` made, `annotations.json` begins as the model's own guesses. What a person made of
it, there or in an `instances_*.json` exported beside it, is held against `guesses.json`: where no box was moved, added,
taken away or named otherwise in any picture, nobody has looked, and the folder is refused, unless the file itself says
who found all of it right (`"info": {"reviewed_by": …}`). Where something changed, the whole file counts as looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import msgspec

from contract.errors import DataError
from trainer.data.boxes import Box
from trainer.data.origin import Listed, Origin, open_origin
from trainer.formats.coco import coco_files, coco_origin
from trainer.formats.marked import most_frequent
from trainer.retraining.added import AddedFolder, Kept
from trainer.retraining.pre_annotations import ANNOTATIONS, GUESSES, GuessedBox

_MOVED_PX = 1.0
"""Programs that round place and size to whole pixels move the far edges by up to so much; nobody corrects less."""


class _Info(msgspec.Struct, frozen=True):
    reviewed_by: str = ""


class _Sheet(msgspec.Struct, frozen=True):
    """What a COCO file says about itself."""

    info: _Info = _Info()


def open_added_boxes(text: str, base_labels: Sequence[str]) -> AddedFolder:
    """List the pictures `text` names; DataError where they have no boxes, or none a person has looked at."""
    path = Path(text)
    places = (path,) if path.is_dir() else (path.parent, path.parent.parent)  # programs export into `annotations/`
    root = next((place for place in places if (place / GUESSES).is_file()), None)
    if root is not None:
        origin, as_guessed = _kept_frames(text, path if path.is_file() else _annotations(root), root)
    else:
        origin, as_guessed = open_origin(text), 0
    if origin.task != "detect":
        raise DataError(
            "no boxes are marked in these pictures, and the base is a detector",
            where=text,
            fix="Name pictures with boxes: COCO, Pascal VOC, YOLO, or a folder of `edgeferry dataset label`.",
        )
    used = {origin.labels[box.label] for one in origin.pictures for box in one.boxes if not box.crowd}
    labels = (*base_labels, *(label for label in origin.labels if label in used and label not in base_labels))
    pictures = tuple(_renumbered(one, origin.labels, labels) for one in origin.pictures)
    return AddedFolder(replace(origin, labels=labels, pictures=pictures), origin.passed_over, as_guessed)


def _annotations(root: Path) -> Path:
    """What an annotation program exported, or else the file the folder began with."""
    exported = coco_files(root)
    if len(exported) > 1:
        raise DataError("there is more than one COCO file", where=str(root), fix="Name the one that counts.")
    return exported[0][1] if exported else root / ANNOTATIONS


def _kept_frames(text: str, file: Path, root: Path) -> tuple[Origin, int]:
    """The pictures of the COCO `file`, and how many have the very boxes that were guessed."""
    guessed, kept = _guesses(root / GUESSES), Kept(root)
    origin = coco_origin(text, [(None, file)])
    same = sum(_as_guessed(one, origin.labels, guessed) for one in origin.pictures)
    if same == len(origin.pictures) and not _reviewed(file):
        raise DataError(
            "nobody has corrected these boxes: they are a model's guesses",
            where=str(file),
            fix='Correct them in an annotation program; if all are right, write "info": {"reviewed_by": "YOUR NAME"}.',
        )
    return replace(origin, pictures=tuple(map(kept.described, origin.pictures))), same


def _guesses(file: Path) -> Mapping[str, list[GuessedBox]]:
    """By the file name of their picture."""
    try:
        read = msgspec.json.decode(file.read_bytes(), type=dict[str, list[GuessedBox]])
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as problem:
        raise DataError(
            f"the guesses cannot be read: {problem}", where=str(file), fix="Make the folder again: dataset label."
        ) from problem
    return {PurePosixPath(path).name: boxes for path, boxes in read.items()}


def _as_guessed(one: Listed, labels: Sequence[str], guessed: Mapping[str, list[GuessedBox]]) -> bool:
    """Whether no box of it was moved, added, taken away or named otherwise."""
    left = list(guessed.get(PurePosixPath(one.name).name, ()))
    for box in one.boxes:
        same = next((guess for guess in left if _is(box, labels[box.label], guess)), None)
        if same is None:
            return False
        left.remove(same)
    return not left


def _is(box: Box, label: str, guess: GuessedBox) -> bool:
    name, xyxy_px = guess
    return label == name and all(abs(a - b) <= _MOVED_PX for a, b in zip(box.xyxy_px, xyxy_px, strict=True))


def _reviewed(file: Path) -> bool:
    try:
        return bool(msgspec.json.decode(file.read_bytes(), type=_Sheet).info.reviewed_by.strip())
    except msgspec.ValidationError:  # some programs write a list there, or null
        return False


def _renumbered(one: Listed, labels: Sequence[str], wanted: Sequence[str]) -> Listed:
    """In the numbering of `wanted`, and without a split; a crowd may be of a class nobody learns."""
    number = {label: number for number, label in enumerate(wanted)}
    boxes = tuple(replace(box, label=number[labels[box.label]]) for box in one.boxes if labels[box.label] in number)
    return replace(one, label=most_frequent(boxes), boxes=boxes, split=None)
