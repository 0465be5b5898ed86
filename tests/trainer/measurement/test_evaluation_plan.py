"""What is asked of an evaluation is checked against the data before anything is measured."""

from __future__ import annotations

import numpy as np
import pytest

from contract.errors import ConfigError
from tests.trainer.evaluated import LABELS, listed, pictures
from trainer.measurement.evaluation_plan import make_plan
from trainer.measurement.evaluation_settings import EvaluationSettings

LISTED = tuple(listed(pictures(np.zeros(4, np.int64)), {"camera": ["a", "b", "a", "b"]}).values())


def test_a_plan_knows_columns_classes_and_prices() -> None:
    settings = EvaluationSettings(slices=("camera",), threshold_for="recall.dog>=0.9", costs={"cat->dog": 3.0})
    goals = {"cost_per_1000": 50.0, "slice": {"camera": {"min_accuracy": 0.5}}, "latency_ms": {"rpi4": 30.0}}
    plan = make_plan(settings, goals, task="classify", labels=LABELS, listed=LISTED)
    assert [wish.label for wish in plan.wishes] == [1]
    assert plan.goals is not None
    assert len(plan.goals.goals) == 3


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (EvaluationSettings(slices=("site",)), "no column 'site'"),
        (EvaluationSettings(threshold_for="recall.cow>=0.9"), "names no class"),
        (EvaluationSettings(costs={"cat->cow": 1.0}), "names no error"),
        (EvaluationSettings(robustness=True), "too small to be made worse"),
    ],
)
def test_what_the_data_does_not_have_is_refused(settings: EvaluationSettings, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make_plan(settings, {}, task="classify", labels=LABELS, listed=LISTED, size_wh=(16, 32))


def test_goals_for_a_column_that_other_pictures_lack_are_left_to_be_judged() -> None:
    goals = {"slice.site.min_accuracy": 0.5}
    with pytest.raises(ConfigError, match="names no column"):
        make_plan(EvaluationSettings(), goals, task="classify", labels=LABELS, listed=LISTED)
    plan = make_plan(EvaluationSettings(), goals, task="classify", labels=LABELS, listed=LISTED, other_pictures=True)
    assert plan.goals is not None
