"""Weighted figures against scikit-learn's, with and without weights."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import (
    average_precision_score,
    f1_score,
    log_loss,
    precision_score,
    recall_score,
    roc_auc_score,
)

from trainer.measurement.weighted import Counts, auroc, average_precision, mean_of, mean_over_classes

CLASSES = 4
_DRAWS = np.random.default_rng(5)
TRUTH = _DRAWS.integers(0, CLASSES, 200)
# Two digits, so that many scores are equal: ties are where such sums go wrong.
SCORES = np.round(_DRAWS.dirichlet(np.ones(CLASSES), 200) + 0.3 * np.eye(CLASSES)[TRUTH], 2)
ANSWERS = SCORES.argmax(axis=1)
WEIGHTS = np.stack([np.ones(200), _DRAWS.integers(0, 4, 200).astype(np.float64)])


@pytest.mark.parametrize("row", [0, 1])
def test_areas_are_those_of_scikit_learn_ties_and_weights_included(row: int) -> None:
    area, precision = auroc(TRUTH, SCORES)(WEIGHTS), average_precision(TRUTH, SCORES)(WEIGHTS)
    for number in range(CLASSES):
        one = (number == TRUTH, SCORES[:, number])
        assert area[row, number] == pytest.approx(roc_auc_score(*one, sample_weight=WEIGHTS[row]), abs=1e-12)
        known = average_precision_score(*one, sample_weight=WEIGHTS[row])
        assert precision[row, number] == pytest.approx(known, abs=1e-12)


@pytest.mark.parametrize("row", [0, 1])
def test_counts_give_scikit_learns_precision_recall_and_f1(row: int) -> None:
    counts = Counts(TRUTH, ANSWERS, CLASSES)
    given = {"labels": range(CLASSES), "average": None, "sample_weight": WEIGHTS[row]}
    assert counts.precision(WEIGHTS)[row] == pytest.approx(precision_score(TRUTH, ANSWERS, **given))
    assert counts.recall(WEIGHTS)[row] == pytest.approx(recall_score(TRUTH, ANSWERS, **given))
    assert counts.f1(WEIGHTS)[row] == pytest.approx(f1_score(TRUTH, ANSWERS, **given))
    assert counts.macro_f1(WEIGHTS)[row] == pytest.approx(np.mean(f1_score(TRUTH, ANSWERS, **given)))


def test_a_class_that_occurs_nowhere_counts_as_zero_as_scikit_learn_has_it() -> None:
    known = f1_score(TRUTH, ANSWERS, labels=range(CLASSES + 1), average="macro", zero_division=0.0)
    assert Counts(TRUTH, ANSWERS, CLASSES + 1).macro_f1(WEIGHTS[:1])[0] == pytest.approx(known)


def test_a_mean_is_weighted() -> None:
    shares = SCORES / SCORES.sum(axis=1, keepdims=True)
    shares = np.clip(shares, 1e-6, None)
    shares /= shares.sum(axis=1, keepdims=True)
    losses = mean_of(-np.log(shares[np.arange(200), TRUTH]))(WEIGHTS)
    assert losses[1] == pytest.approx(log_loss(TRUTH, shares, sample_weight=WEIGHTS[1]))


def test_what_cannot_be_measured_is_nan_and_left_out_of_the_mean() -> None:
    scores = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]])
    found = auroc(np.array([0, 1]), scores)(np.ones((1, 2)))
    assert found[0].tolist()[:2] == [1.0, 1.0]
    assert np.isnan(found[0, 2])
    assert mean_over_classes(found) == pytest.approx([1.0])
