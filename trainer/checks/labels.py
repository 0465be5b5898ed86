"""Labels that are probably wrong: confident learning over the answers of a classifier that never saw the picture.

The classifier is a small one on the numbers of `trainer/checks/features.py`, cross-validated, so that each picture is
judged by a model that did not learn its label. cleanlab then finds what contradicts its label (C. Northcutt, L. Jiang
and I. Chuang, "Confident learning: estimating uncertainty in dataset labels", JAIR 70, 2021). Where plain numbers
cannot tell the classes apart, nothing is said: a list that is mostly wrong is worse than none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contract.errors import MissingPartError
from trainer.checks.examined import Examined, Seen
from trainer.checks.finding import SHOWN, Finding, Suspect
from trainer.checks.look import judged_boxes
from trainer.data.boxes import Box

FOLDS = 5
_LEAST = 60
"""Labels below which nothing can be learnt."""
_LEAST_OF_A_CLASS = 2 * FOLDS
"""Of each class; smaller ones are left out."""
LEAST_AGREEMENT = 0.75
"""Share of the given labels the classifier must answer with, mistakes included. Clothing photographs reach 0.68, and
four of five labels suspected there are right."""
_COMPONENTS = 64
"""Principal components: of 32, 64 and 128 the best on digits."""
_C = 0.05
"""Strength of the logistic regression; more lets it learn the wrong labels by heart."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """One label with the numbers of what it is about."""

    read: Seen
    label: int
    features: NDArray[np.float16]
    box: Box | None


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of it."""

    suspects: tuple[Suspect, ...] = ()
    """The surest first."""
    why_not: str = ""
    """Why nothing was judged."""


def of_labels(seen: Examined, judged: Judged) -> Iterator[Finding]:
    """The suspects as a finding."""
    if not judged.suspects:
        return
    suspects = judged.suspects
    notes = tuple(f"given {s.given}, looks like {s.suggested} ({s.probability:.0%})" for s in suspects)
    things = "boxes" if seen.detect else "pictures"
    yield Finding(
        kind="label-errors", severity="warning", count=len(suspects),
        what=f"{things} that look like another class than their label says",
        fix="Look at each, and change it where it was marked."
        if seen.detect
        else "Look at each; with --fix, --relabel takes the suggestions over unseen.",
        examples=tuple(f"{s.picture}: {note}" for s, note in zip(suspects[:SHOWN], notes, strict=False)),
        pictures=tuple(s.picture for s in suspects), notes=notes, suspects=suspects,
    )  # fmt: skip


def judge(seen: Examined) -> Judged:
    """Every label of `seen` against the others; the same for equal data."""
    labelled = _labelled(seen)
    counts = np.bincount([one.label for one in labelled] or [0], minlength=len(seen.origin.labels))
    large = np.flatnonzero(counts >= _LEAST_OF_A_CLASS)
    labelled = [one for one in labelled if one.label in large]
    if len(large) < 2 or len(labelled) < _LEAST:
        return Judged(why_not=f"wrong labels: fewer than {_LEAST} labels, or than two classes of {_LEAST_OF_A_CLASS}")
    given = np.searchsorted(large, [one.label for one in labelled])
    numbers = np.array([one.features for one in labelled], np.float32)
    answers = probabilities(numbers, given)
    agreement = float((answers.argmax(axis=1) == given).mean())
    if agreement < LEAST_AGREEMENT:
        return Judged(
            why_not=f"wrong labels: edges and colours alone answer as labelled in {agreement:.0%} of all cases only, "
            f"and {LEAST_AGREEMENT:.0%} are needed"
        )
    names = [seen.origin.labels[number] for number in large]
    return Judged(
        tuple(_suspect(labelled[i], names[given[i]], names, answers[i]) for i in issues(given, answers).tolist())
    )


def probabilities(numbers: NDArray[np.float32], given: NDArray[np.int64]) -> NDArray[np.float64]:
    """(N, classes) out-of-sample probabilities for features (N, F) with labels (N,) 0..classes-1, by five folds."""
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    components = min(_COMPONENTS, len(numbers) // 3, numbers.shape[1])
    classifier = make_pipeline(
        PCA(components, svd_solver="covariance_eigh"), StandardScaler(), LogisticRegression(C=_C, max_iter=500)
    )
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    # One thread: the sums come out the same on every machine, and two threads took seven times the time on a busy one.
    with threadpool_limits(1):
        found = cross_val_predict(classifier, numbers, given, cv=folds, method="predict_proba")
    return np.asarray(found, np.float64)


def issues(given: NDArray[np.int64], answers: NDArray[np.float64]) -> NDArray[np.int64]:
    """Positions of labels (N,) that `answers` (N, classes) contradict, the least likely label first."""
    try:
        from cleanlab.filter import find_label_issues
    except ModuleNotFoundError as missing:
        raise MissingPartError(
            "wrong labels are found by cleanlab, which is not installed",
            where="dataset check",
            fix="Run: pip install 'edgeferry[trainer]'",
        ) from missing
    found = find_label_issues(given, answers, return_indices_ranked_by="self_confidence", n_jobs=1)
    return np.asarray(found, np.int64)


def _labelled(seen: Examined) -> list[Labelled]:
    """Each label the classifier can judge; equal pictures once, or one would betray the other's label."""
    found = []
    for read in {read.digest: read for read in reversed(seen.good)}.values():
        boxes: list[Box | None] = [None]
        if seen.detect:
            rows = len(read.made.features)
            boxes = [read.listed.boxes[n] for n in judged_boxes(read.listed, read.size_wh, rows)]
        for box, numbers in zip(boxes, read.made.features, strict=True):
            found.append(Labelled(read, read.listed.label if box is None else box.label, numbers, box))
    return found[::-1]


def _suspect(one: Labelled, given: str, names: list[str], answers: NDArray[np.float64]) -> Suspect:
    best = int(answers.argmax())
    return Suspect(
        picture=one.read.listed.name, given=given, suggested=names[best], probability=round(float(answers[best]), 4),
        box=None if one.box is None else one.box.xyxy_px,
    )  # fmt: skip
