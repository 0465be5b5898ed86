"""A whole evaluation: its figures are scikit-learn's, and what is chosen is chosen on the validation split alone."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    log_loss,
    recall_score,
    roc_auc_score,
    top_k_accuracy_score,
)

from contract.codec import to_json
from tests.trainer.evaluated import LABELS, listed, scored
from trainer.measurement.appraisal import Circumstances, Scored, appraise
from trainer.measurement.evaluation_plan import Plan, make_plan
from trainer.measurement.evaluation_settings import EvaluationSettings
from trainer.measurement.measures import Evaluation

QUICK = EvaluationSettings(resamples=200)


def measured(test: Scored, settings: EvaluationSettings = QUICK, **about: object) -> Evaluation:
    plan = make_plan(settings, {}, task="classify", labels=LABELS, listed=())
    return appraise(test, plan, Circumstances(labels=LABELS, seed=1, **about))  # type: ignore[arg-type]


def test_every_figure_is_scikit_learns_and_lies_within_its_interval() -> None:
    test = scored()
    truth, shares = test.pictures.labels, test.scores.astype(np.float64)
    shares /= shares.sum(axis=1, keepdims=True)
    found = measured(test)
    one_hot = np.eye(3)[truth]
    known = {
        "accuracy": accuracy_score(truth, test.answers),
        "top2": top_k_accuracy_score(truth, shares, k=2),
        "macro_f1": f1_score(truth, test.answers, average="macro"),
        "auroc": roc_auc_score(truth, shares, multi_class="ovr", average="macro"),
        "average_precision": average_precision_score(one_hot, shares, average="macro"),
        "log_loss": log_loss(truth, shares),
        "brier": ((shares - one_hot) ** 2).sum(axis=1).mean(),
    }
    assert {name: figure.value for name, figure in found.figures.items()} == pytest.approx(known, abs=1e-5)
    for figure in found.figures.values():
        assert figure.low is not None
        assert figure.high is not None
        assert figure.low < figure.value < figure.high
    recalls = [row.recall.value for row in found.per_class if row.recall is not None]
    assert recalls == pytest.approx(recall_score(truth, test.answers, average=None))


def test_a_temperature_comes_from_the_validation_split_and_mends_the_test_split() -> None:
    test, validation = scored(sharp=2.5), scored(600, seed=1, sharp=2.5)
    alone, found = measured(test), measured(test, validation=validation)
    assert alone.calibration.temperature is None
    assert found.calibration.temperature == pytest.approx(2.5, rel=0.2)
    assert found.calibration.fitted_on == 600
    assert found.calibration.calibrated_ece is not None
    assert found.calibration.calibrated_ece.value < 0.6 * found.calibration.ece.value
    assert found.figures == alone.figures
    again = measured(test, before=found)
    assert again.calibration.temperature == found.calibration.temperature


def test_costs_are_told_for_both_ways_to_answer() -> None:
    settings = EvaluationSettings(resamples=200, costs={"cat->dog": 30.0, "currency": "EUR"})
    found = measured(scored(gain=1.0), settings, validation=scored(500, seed=3, gain=1.0)).costs
    assert found is not None
    assert found.currency == "EUR"
    assert found.least_per_1000 is not None
    assert found.saved_per_1000 is not None
    assert found.saved_per_1000.value == pytest.approx(found.per_1000.value - found.least_per_1000.value)
    assert found.saved_per_1000.low is not None
    assert found.saved_per_1000.low > 0.0
    assert found.changed > 0.0


def test_pictures_of_one_group_are_resampled_together() -> None:
    test = scored(200)
    groups = [f"camera {number // 20}" for number in range(200)]
    found = measured(test, listed=listed(test.pictures, {"day": ["monday", "friday"] * 100}, groups))
    assert found.groups == 10
    assert found.slices is not None
    assert {one.column for one in found.slices.slices} == {"day", "brightness", "size"}


def test_a_class_without_pictures_is_left_open_and_no_answer_is_wrong() -> None:
    test = scored(100)
    labels = np.where(test.pictures.labels == 2, 0, test.pictures.labels)
    silent = np.where(np.arange(100) < 10, -1, test.answers)
    found = measured(Scored(replace(test.pictures, labels=labels), test.scores, silent))
    assert (found.per_class[2].recall, found.per_class[2].auroc) == (None, None)
    assert found.figures["accuracy"].value == pytest.approx(np.mean(silent == labels))
    assert msgspec.json.decode(to_json(found), type=Evaluation) == found


def test_goals_are_judged_by_what_was_measured() -> None:
    goals = {"accuracy": 0.5, "recall": {"owl": 0.999}, "latency_ms": {"rpi4": 10.0}}
    plan = make_plan(QUICK, goals, task="classify", labels=LABELS, listed=())
    found = appraise(scored(), plan, Circumstances(labels=LABELS, seed=0)).goals
    assert found is not None
    assert found.verdict == "missed"
    assert [line.verdict for line in found.lines] == ["met", "missed", "not measured"]
    assert Plan(QUICK).goals is None
