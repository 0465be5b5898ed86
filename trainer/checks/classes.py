"""Whether there is enough of every class, and whether training could cut its splits out of it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from contract.errors import DataError
from trainer.checks.examined import Examined
from trainer.checks.finding import SHOWN, Finding
from trainer.data.splits import assign
from trainer.settings import DataSettings

_FEW = 10
"""Pictures of a class below which a warning is given: a test split of two or three says next to nothing."""
_IMBALANCE = 3.0
"""Largest class over smallest from which a warning is given."""
_BOX_IMBALANCE = 10.0
"""The same for boxes, which are uneven by nature: a picture shows many cells of one kind and few of another."""


def of_classes(seen: Examined) -> Iterator[Finding]:
    """One class, empty ones, small ones, uneven ones."""
    if len(seen.origin.labels) < 2 and not seen.detect:
        yield Finding(
            kind="one-class", severity="error", count=1, examples=seen.origin.labels,
            what="only one class: there is nothing to tell apart", fix="Add a folder with pictures of something else.",
        )  # fmt: skip
    learnt = seen.learnt()
    things = "box" if seen.detect else "readable picture"
    empty = tuple(dict.fromkeys((*seen.origin.empty, *(label for label, count in learnt.items() if not count))))
    if empty:
        yield Finding(
            kind="empty-class", severity="error", count=len(empty), examples=empty[:SHOWN],
            what=f"classes without a {things} to learn from", fix="Fill the folders, or take them away.",
        )  # fmt: skip
    few = [label for label, count in learnt.items() if 0 < count < _FEW]
    if few:
        yield Finding(
            kind="few-boxes" if seen.detect else "few-pictures", severity="warning", count=len(few),
            examples=tuple(few[:SHOWN]), fix="Add pictures of them.",
            what=f"classes with fewer than {_FEW} {'boxes' if seen.detect else 'pictures'} to learn from",
        )  # fmt: skip
    yield from _imbalance([count for count in learnt.values() if count], seen.detect)


def _imbalance(filled: list[int], detect: bool) -> Iterator[Finding]:
    if not filled or max(filled) <= (_BOX_IMBALANCE if detect else _IMBALANCE) * min(filled):
        return
    ratio = max(filled) / min(filled)
    yield Finding(
        kind="box-imbalance" if detect else "imbalance", severity="warning", count=len(filled),
        what=f"the largest class has {ratio:.1f} times the {'boxes' if detect else 'pictures'} of the smallest",
        fix="Judge by the average precision of each class." if detect
        else "Training weighs the classes; judge by macro-F1 rather than by accuracy.",
    )  # fmt: skip


def of_splits(seen: Examined) -> Iterator[Finding]:
    """Cut the splits as training would with its default settings."""
    labels = np.array([read.listed.label for read in seen.good], np.int64)
    if seen.detect or len(np.unique(labels)) < max(2, len(seen.origin.labels)):
        return  # one class, or an empty one: said already
    given = [read.listed.split for read in seen.good]
    digests = [read.digest for read in seen.good]
    try:
        assign(digests, labels, given, seed=0, settings=DataSettings(), names=seen.origin.labels, where="")
    except DataError as problem:
        yield Finding(kind="too-few-to-split", severity="error", count=1, what=problem.what, fix=problem.fix)
