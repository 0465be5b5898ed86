"""`edgeferry dataset check`: what is wrong with labelled pictures, before a minute of training is spent.

Every picture is decoded once and looked at in the thread that decoded it; `trainer/checks/` then asks one kind of
question a file. An error is something training would refuse or that makes its numbers false; a warning is something a
person should know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from msgspec import Struct

from trainer.checks.boxes import of_boxes_marked
from trainer.checks.classes import of_classes, of_splits
from trainer.checks.copies import Copies, find_copies, of_copies
from trainer.checks.examined import Examined
from trainer.checks.exposure import of_exposure
from trainer.checks.files import of_files
from trainer.checks.finding import Finding as Finding
from trainer.checks.labels import Judged, judge, of_labels
from trainer.checks.leakage import of_leakage
from trainer.checks.look import MOST_CROPS, Look, look
from trainer.checks.shapes import of_shapes
from trainer.checks.shortcuts import of_shortcuts
from trainer.checks.spelling import of_spelling
from trainer.data.fingerprint import SIDE
from trainer.data.origin import Origin, open_origin
from trainer.data.reading import Read, Unreadable, read_each

OnPicture = Callable[[Iterable["Read[Look] | Unreadable"], int], Iterable["Read[Look] | Unreadable"]]
"""Hands pictures on as they come, of which there are so many: a progress bar."""


class Checked(Struct, frozen=True, kw_only=True):
    """What `edgeferry dataset check --json` prints."""

    path: str
    ok: bool
    """No error; there may be warnings."""
    pictures: int
    labels: tuple[str, ...]
    splits: dict[str, dict[str, int]]
    """Readable pictures by split and label; the split is `all` where the data has none. Of pictures with boxes, those
    that show at least one of the label."""
    boxes: dict[str, dict[str, int]]
    """Boxes by split and label; empty where none are marked."""
    smallest_wh: tuple[int, int] | None
    largest_wh: tuple[int, int] | None
    findings: tuple[Finding, ...]
    """Errors first."""
    not_judged: tuple[str, ...] = ()
    """What could not be looked for, and why."""


@dataclass(frozen=True, slots=True)
class Examination:
    """What was seen and what was found: for the page and the cleaned list."""

    seen: Examined
    copies: Copies
    checked: Checked


def check_dataset(text: str) -> Checked:
    """Look at every picture `text` names; DataError only where there is nothing to look at."""
    return examine(text).checked


def examine(text: str, watched: OnPicture | None = None) -> Examination:
    """The same, with what was seen; `watched` is handed the pictures on their way."""
    return examine_origin(open_origin(text), watched)


def examine_origin(origin: Origin, watched: OnPicture | None = None) -> Examination:
    """The same for pictures that are listed already."""
    found = list(watched(_read(origin), len(origin.pictures)) if watched else _read(origin))
    seen = Examined(
        origin=origin,
        good=[picture for picture in found if isinstance(picture, Read)],
        bad=[picture for picture in found if isinstance(picture, Unreadable)],
    )
    copies, judged = find_copies(seen), judge(seen)
    findings = sorted(_findings(seen, copies, judged), key=lambda finding: finding.severity)
    sizes = sorted((picture.size_wh for picture in seen.good), key=lambda size: size[0] * size[1])
    checked = Checked(
        path=origin.text,
        ok=not any(finding.severity == "error" for finding in findings),
        pictures=len(found),
        labels=origin.labels,
        splits=seen.pictures(),
        boxes=seen.boxes() if seen.detect else {},
        smallest_wh=sizes[0] if sizes else None,
        largest_wh=sizes[-1] if sizes else None,
        findings=tuple(findings),
        not_judged=tuple(_not_judged(seen, judged)),
    )
    return Examination(seen, copies, checked)


def _read(origin: Origin) -> Iterator[Read[Look] | Unreadable]:
    most = None if origin.task != "detect" else max(1, MOST_CROPS // len(origin.pictures))
    return read_each(origin.pictures, partial(look, most_crops=most))


def _findings(seen: Examined, copies: Copies, judged: Judged) -> Iterator[Finding]:
    yield from of_classes(seen)
    yield from of_spelling(seen)
    yield from of_splits(seen)
    yield from of_files(seen)
    yield from of_copies(seen, copies)
    yield from of_leakage(seen)
    yield from of_boxes_marked(seen)
    yield from of_labels(seen, judged)
    yield from of_shortcuts(seen)
    yield from of_exposure(seen)
    yield from of_shapes(seen)


def _not_judged(seen: Examined, judged: Judged) -> Iterator[str]:
    if judged.why_not:
        yield judged.why_not
    small = sum(min(read.size_wh) < SIDE for read in seen.good)
    if small:
        yield f"near duplicates and blur of {small} pictures smaller than {SIDE} pixels"
