"""`edgeferry dataset label`: frames devices kept become a folder a person labels, with the model's guesses in it.

    FOLDER/CLASS/picture.jpg      where the model was sure, in the folder of its guess
    FOLDER/_unsure/picture.jpg    where it was not, or said nothing
    FOLDER/pictures.csv           one line a picture: guess, score, why it was kept, device, time, model, group
    FOLDER/label.html             pages of 500 pictures to go through with the keyboard; they export `labels.csv`
    FOLDER/annotations.json       of detectors, in place of class folders: COCO with the guessed boxes
    FOLDER/guesses.json           those boxes once more, to tell later which of them a person changed

Pictures are copied byte for byte. Of those with equal pixels the first stays, and of near copies from one device and
day as well: a fixed camera that is unsure is so many times about one view. Nothing here is a label yet:
`edgeferry train --add` asks for what a person said.
"""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec

from contract.errors import DataError, SourceError
from edge.pictures import read_picture
from edge.scene.store import safe_name
from trainer.data.fingerprint import Look, look, near_copies
from trainer.data.reading import pixel_digest
from trainer.retraining.guesses import Guess, Guesser, guess_of
from trainer.retraining.kept_frames import KeptFrame, kept_frames
from trainer.retraining.label_page import PAGE_LIMIT, label_page, page_name
from trainer.retraining.pre_annotations import ANNOTATIONS, GUESSES, guessed_boxes, pre_annotations
from trainer.run_folder import building, writing

UNSURE = "_unsure"
PICTURES = "pictures.csv"
IMAGES = "images"
"""Folder of a detector's pictures."""
COLUMNS = ("path", "guess", "score", "why", "device", "source", "time", "model", "group")


@dataclass(frozen=True, slots=True)
class Guessed:
    """A picture that goes into the folder."""

    frame: KeptFrame
    guess: Guess
    size_wh: tuple[int, int]
    path: str
    """Below the folder, with `/`."""


class LabelFolder(msgspec.Struct, frozen=True, kw_only=True):
    """What `edgeferry dataset label --json` prints."""

    folder: str
    task: str
    """`classify` or `detect`, as the model answered."""
    pictures: int
    unsure: int
    """Of them in `_unsure`."""
    guesses: dict[str, int]
    """Pictures by what the model took them for; empty for no answer."""
    groups: int
    """Of device and day."""
    copies: int
    """Left out: the same pixels are there already."""
    near_copies: int
    """Left out: the same device took nearly the same picture on that day."""
    clips: int
    """Passed over: only pictures are labelled."""
    pages: int
    unreadable: tuple[str, ...]
    """Left out, with why."""
    unreadable_results: tuple[str, ...]
    """Pictures taken without a guess, with why."""


def label_folder(folders: Sequence[Path], out: Path, bundle: Path | None) -> LabelFolder:
    """Fill the new folder `out` from `folders`; the guesses are the devices' own, or those of `bundle`.

    DataError where nothing can be labelled, ConfigError where `out` holds something already.
    """
    kept = kept_frames(folders)
    with building(out, force=False) as partial:
        found = _guessed(kept.frames, bundle)
        if not found.pictures:
            raise DataError(
                f"none of {len(kept.frames)} kept pictures can be read: {'; '.join(found.unreadable[:3])}",
                where=", ".join(map(str, folders)),
                fix="Copy them from the device again.",
            )
        with writing(out):
            pages = _write(partial, found, out.name)
    return LabelFolder(
        folder=str(out),
        task="detect" if found.detects else "classify",
        pictures=len(found.pictures),
        unsure=sum(one.guess.unsure for one in found.pictures),
        guesses=_counts([one.guess.label for one in found.pictures]),
        groups=len({one.frame.group for one in found.pictures}),
        copies=found.copies,
        near_copies=found.near_copies,
        clips=kept.clips,
        pages=pages,
        unreadable=found.unreadable,
        unreadable_results=tuple(
            f"{one.frame.path.name}: {one.frame.result_problem}" for one in found.pictures if one.frame.result_problem
        ),
    )


@dataclass(frozen=True, slots=True)
class _Found:
    pictures: tuple[Guessed, ...]
    copies: int
    near_copies: int
    unreadable: tuple[str, ...]
    labels: tuple[str, ...]
    """All the model can say, as far as known; the commonest guesses otherwise."""
    detects: bool


def _guessed(frames: Sequence[KeptFrame], bundle: Path | None) -> _Found:
    pictures: list[Guessed] = []
    looks: list[Look] = []
    unreadable: list[str] = []
    seen: set[str] = set()
    taken: set[str] = set()
    with ExitStack() as stack:
        guesser = stack.enter_context(Guesser(bundle)) if bundle else None
        detects = guesser is None and any(guess_of(frame.result).detections is not None for frame in frames)
        for frame in frames:
            try:
                pixels = read_picture(frame.path)
            except SourceError as problem:
                unreadable.append(f"{frame.path}: {problem.what}")
                continue
            digest = pixel_digest(pixels)
            if digest in seen:
                continue
            seen.add(digest)
            guess = guesser.guess(frame.path.name, pixels) if guesser else guess_of(frame.result)
            detects |= guess.detections is not None
            height, width = pixels.shape[:2]
            path = _free(_place(frame, guess, detects=detects), taken)
            pictures.append(Guessed(frame, guess, (width, height), path))
            looks.append(look(pixels))
        labels = guesser.labels if guesser else tuple(sorted({one.guess.label for one in pictures} - {""}))
    copies = len(frames) - len(unreadable) - len(pictures)
    left = _without_near_copies(pictures, looks)
    return _Found(left, copies, len(pictures) - len(left), tuple(unreadable), labels, detects)


def _without_near_copies(pictures: Sequence[Guessed], looks: Sequence[Look]) -> tuple[Guessed, ...]:
    """Of near copies in one group only the first."""
    gone: set[int] = set()
    for first, second in near_copies(looks).tolist():
        if first not in gone and pictures[first].frame.group == pictures[second].frame.group:
            gone.add(second)
    return tuple(one for number, one in enumerate(pictures) if number not in gone)


def _place(frame: KeptFrame, guess: Guess, *, detects: bool) -> str:
    folder = IMAGES if detects else UNSURE if guess.unsure else safe_name(guess.label)
    return f"{folder}/{safe_name(frame.device)}_{frame.path.name}"


def _free(path: str, taken: set[str]) -> str:
    """`path`, or with a number where two devices' files have one name; compared as forgiving file systems do."""
    stem, dot, suffix = path.rpartition(".")
    number = 1
    while path.lower() in taken:
        number += 1
        path = f"{stem}-{number}{dot}{suffix}"
    taken.add(path.lower())
    return path


def _write(folder: Path, found: _Found, title: str) -> int:
    """Everything into `folder`; how many pages there are."""
    for one in found.pictures:
        target = folder / one.path
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(one.frame.path, target)
    (folder / PICTURES).write_text(_table(found.pictures), encoding="utf-8")
    if found.detects:
        (folder / ANNOTATIONS).write_bytes(pre_annotations(found.pictures, found.labels))
        (folder / GUESSES).write_bytes(guessed_boxes(found.pictures))
        return 0
    pages = -(-len(found.pictures) // PAGE_LIMIT)
    for number in range(pages):
        chosen = found.pictures[number * PAGE_LIMIT : (number + 1) * PAGE_LIMIT]
        text = label_page(chosen, found.labels, title=title, number=number + 1, pages=pages)
        (folder / page_name(number + 1)).write_text(text, encoding="utf-8")
    return pages


def _table(pictures: Sequence[Guessed]) -> str:
    stream = io.StringIO()
    rows = csv.writer(stream, lineterminator="\n")
    rows.writerow(COLUMNS)
    for one in pictures:
        frame, guess = one.frame, one.guess
        score = f"{guess.score:.4f}" if guess.label else ""
        rows.writerow(
            (one.path, guess.label, score, frame.why, frame.device, frame.source, frame.moment, guess.model,
             frame.group)
        )  # fmt: skip
    return stream.getvalue()


def _counts(labels: Sequence[str]) -> dict[str, int]:
    return {label: labels.count(label) for label in sorted(set(labels))}
