"""`edgeferry dataset check`: what is wrong with labelled pictures, before a minute of training is spent.

Every picture is decoded once. An error is something training would refuse or that makes its numbers false; a warning
is something a person should know. Near duplicates, label errors and odd exposures are not looked for yet.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import numpy as np
from msgspec import Struct

from contract.errors import DataError
from edge.frames import Pixels
from trainer.origin import Listed, Origin, open_origin
from trainer.reading import Read, Unreadable, read_all
from trainer.settings import DataSettings
from trainer.splits import assign

_FEW = 10
"""Pictures of a class below which a warning is given: a test split of two or three says next to nothing."""
_IMBALANCE = 3.0
"""Largest class over smallest from which a warning is given."""
_SHOWN = 10
"""Pictures named in one finding."""

Kind = Literal[
    "one-class",
    "empty-class",
    "unreadable",
    "duplicates",
    "duplicates-across-splits",
    "duplicates-across-labels",
    "few-pictures",
    "too-few-to-split",
    "imbalance",
]


class Finding(Struct, frozen=True, kw_only=True):
    """One thing about the data."""

    kind: Kind
    severity: Literal["error", "warning"]
    what: str
    fix: str
    count: int
    """Pictures, groups of equal pictures, or classes."""
    examples: tuple[str, ...] = ()
    """The first few; equal pictures joined by ` = `."""


class Checked(Struct, frozen=True, kw_only=True):
    """What `edgeferry dataset check --json` prints."""

    path: str
    ok: bool
    """No error; there may be warnings."""
    pictures: int
    labels: tuple[str, ...]
    splits: dict[str, dict[str, int]]
    """Readable pictures by split and label; the split is `all` where the data has none."""
    smallest_wh: tuple[int, int] | None
    largest_wh: tuple[int, int] | None
    findings: tuple[Finding, ...]


def check_dataset(text: str) -> Checked:
    """Look at every picture `text` names; DataError only where there is nothing to look at."""
    origin = open_origin(text)
    found = list(read_all(origin.pictures, _forget))
    good = [picture for picture in found if isinstance(picture, Read)]
    bad = [picture for picture in found if isinstance(picture, Unreadable)]
    counts = _counts(origin, [picture.listed for picture in good])
    findings = (
        *_of_classes(origin, counts),
        *_of_splits(origin, good),
        *_of_files(bad, len(found)),
        *_of_copies(good),
    )
    sizes = sorted((picture.size_wh for picture in good), key=lambda size: size[0] * size[1])
    return Checked(
        path=text,
        ok=not any(finding.severity == "error" for finding in findings),
        pictures=len(found),
        labels=origin.labels,
        splits=counts,
        smallest_wh=sizes[0] if sizes else None,
        largest_wh=sizes[-1] if sizes else None,
        findings=findings,
    )


def _forget(_: Pixels) -> None:
    """Digest and size are enough here."""


def _counts(origin: Origin, listed: Iterable[Listed]) -> dict[str, dict[str, int]]:
    counted = Counter((picture.split or "all", origin.labels[picture.label]) for picture in listed)
    splits = sorted({picture.split or "all" for picture in origin.pictures})
    return {split: {label: counted[split, label] for label in origin.labels} for split in splits}


def _of_classes(origin: Origin, counts: dict[str, dict[str, int]]) -> Iterator[Finding]:
    if len(origin.labels) < 2:
        yield Finding(
            kind="one-class", severity="error", count=1, examples=origin.labels,
            what="only one class: there is nothing to tell apart", fix="Add a folder with pictures of something else.",
        )  # fmt: skip
    learnt = counts.get("all") or counts["train"]
    empty = tuple(dict.fromkeys((*origin.empty, *(label for label, count in learnt.items() if not count))))
    if empty:
        yield Finding(
            kind="empty-class", severity="error", count=len(empty), examples=empty[:_SHOWN],
            what="classes without a readable picture to learn from", fix="Fill the folders, or take them away.",
        )  # fmt: skip
    few = [label for label, count in learnt.items() if 0 < count < _FEW]
    if few:
        yield Finding(
            kind="few-pictures", severity="warning", count=len(few), examples=tuple(few[:_SHOWN]),
            what=f"classes with fewer than {_FEW} pictures to learn from", fix="Add pictures of them.",
        )  # fmt: skip
    filled = [count for count in learnt.values() if count]
    if filled and max(filled) > _IMBALANCE * min(filled):
        ratio = max(filled) / min(filled)
        yield Finding(
            kind="imbalance", severity="warning", count=len(filled),
            what=f"the largest class has {ratio:.1f} times the pictures of the smallest",
            fix="Training weighs the classes; judge by macro-F1 rather than by accuracy.",
        )  # fmt: skip


def _of_splits(origin: Origin, good: Sequence[Read[None]]) -> Iterator[Finding]:
    """Cut the splits as training would with its default settings."""
    labels = np.array([picture.listed.label for picture in good], np.int64)
    if len(np.unique(labels)) < max(2, len(origin.labels)):
        return  # one class, or an empty one: said already
    given = [picture.listed.split for picture in good]
    digests = [picture.digest for picture in good]
    try:
        assign(digests, labels, given, seed=0, settings=DataSettings(), names=origin.labels, where="")
    except DataError as problem:
        yield Finding(kind="too-few-to-split", severity="error", count=1, what=problem.what, fix=problem.fix)


def _of_files(bad: Sequence[Unreadable], pictures: int) -> Iterator[Finding]:
    if bad:
        yield Finding(
            kind="unreadable", severity="error", count=len(bad),
            examples=tuple(f"{picture.listed.name}: {picture.why}" for picture in bad[:_SHOWN]),
            what=f"{len(bad)} of {pictures} pictures cannot be read",
            fix="Mend or remove them, or train without them: --skip-unreadable",
        )  # fmt: skip


def _of_copies(good: Sequence[Read[None]]) -> Iterator[Finding]:
    """Each group of equal pictures is reported once, under the worst thing about it."""
    same: dict[str, list[Listed]] = defaultdict(list)
    for picture in good:
        same[picture.digest].append(picture.listed)
    groups = [group for group in same.values() if len(group) > 1]
    labels = [group for group in groups if len({picture.label for picture in group}) > 1]
    splits = [group for group in groups if group not in labels and len({picture.split for picture in group}) > 1]
    within = [group for group in groups if group not in labels and group not in splits]
    yield from _copies("duplicates-across-labels", "error", labels, "equal pictures under different labels",
                       "Decide which label is right and remove the others.")  # fmt: skip
    yield from _copies("duplicates-across-splits", "error", splits, "equal pictures in different splits",
                       "Remove them from the training split; training leaves them out by itself.")  # fmt: skip
    yield from _copies("duplicates", "warning", within, "equal pictures in one split and class",
                       "Keep one of each; they count twice.")  # fmt: skip


def _copies(
    kind: Kind, severity: Literal["error", "warning"], groups: Sequence[Sequence[Listed]], what: str, fix: str
) -> Iterator[Finding]:
    if groups:
        examples = tuple(" = ".join(picture.name for picture in group) for group in groups[:_SHOWN])
        yield Finding(kind=kind, severity=severity, count=len(groups), examples=examples, what=what, fix=fix)
