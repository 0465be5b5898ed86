"""Answers against truth: accuracy, macro-F1, each class, the confusion matrix. The sums are scikit-learn's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from contract.run import ClassScores, Scores

NO_ANSWER = -1
"""Stands for a picture the model said nothing about: wrong, and in no column of the confusion matrix."""


def score(truth: NDArray[np.int64], answers: NDArray[np.int64], labels: Sequence[str]) -> Scores:
    """Scores of `answers` (N,) against `truth` (N,), both class numbers into `labels`; macro-F1 is over all labels."""
    classes = range(len(labels))
    precision, recall, f1, pictures = precision_recall_fscore_support(truth, answers, labels=classes, zero_division=0.0)
    return Scores(
        pictures=len(truth),
        accuracy=float(accuracy_score(truth, answers)),
        macro_f1=float(np.mean(f1)),
        per_class=tuple(
            ClassScores(
                label=label,
                precision=float(precision[i]),
                recall=float(recall[i]),
                f1=float(f1[i]),
                pictures=int(pictures[i]),
            )
            for i, label in enumerate(labels)
        ),
        confusion=tuple(tuple(map(int, row)) for row in confusion_matrix(truth, answers, labels=classes)),
    )


def first_answers(scores: NDArray[np.float32]) -> NDArray[np.int64]:
    """The class with the highest of `scores` (N, classes), for each picture."""
    answers: NDArray[np.int64] = np.argmax(scores, axis=1).astype(np.int64)
    return answers
