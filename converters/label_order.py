"""Whether labels stand in the order of the model's classes, told by pictures whose classes are known.

A list in another order (alphabetical where the model counts otherwise) changes no number, so no comparison of numbers
finds it. But then the model is right in its own way: most pictures of one class get one and the same wrong name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from converters.finding import Finding
from converters.source import Pictures

LEAST = 3
"""Pictures of a class before it has a say."""
_FIX = "Give the labels in the order the model was trained with (--labels)."


def lint_labels(scores: NDArray[np.floating], golden: Pictures, labels: Sequence[str]) -> list[Finding]:
    """Findings about a classifier's labels, from the source's scores (N, classes) for the golden pictures."""
    scores = scores.reshape(len(scores), -1)
    return [*_count(scores.shape[1], labels), *(_order(scores, golden, labels) if golden.labelled else ())]


def _count(classes: int, labels: Sequence[str]) -> Iterator[Finding]:
    if labels and len(labels) != classes:
        what = f"{len(labels)} labels for {classes} classes"
        yield Finding(level="error", check="label", what=what, fix="Give one label a class, background included.")
    if twice := sorted({label for label in labels if list(labels).count(label) > 1}):
        what = f"the label {twice[0]!r} stands for two classes"
        yield Finding(level="warning", check="label", what=what, fix="Give every class a label of its own.")


def _order(scores: NDArray[np.floating], golden: Pictures, labels: Sequence[str]) -> Iterator[Finding]:
    """An error where other names for the classes would be right far more often than those given."""
    first, known = scores.argmax(axis=1), golden.labels
    named: dict[int, int] = {}
    for label in np.unique(known):
        answers = first[known == label]
        usual = int(np.bincount(answers).argmax())
        if len(answers) >= LEAST and (answers == usual).mean() > 0.5:
            named[int(label)] = usual
    moved = [label for label, usual in named.items() if label != usual]
    # Two classes that a model calls by one name are mistaken, and no two names of one list exchanged.
    if len(moved) < 2 or len(set(named.values())) < len(named):
        return
    example = moved[0]
    what = (
        f"labels in another order than the model's: {len(moved)} of {len(named)} classes are called by another's name, "
        f"{_word(labels, example)!r} is answered as {_word(labels, named[example])!r}"
    )
    yield Finding(level="error", check="label-order", what=what, fix=_FIX)


def _word(labels: Sequence[str], index: int) -> str:
    return labels[index] if index < len(labels) else str(index)
