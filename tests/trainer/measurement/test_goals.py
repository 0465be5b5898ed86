"""Goals: what may be asked, what is refused before an hour of training, and when a goal counts as met."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import ConfigError
from trainer.measurement.goals import Goal, Goals, Known, judged, read_goals
from trainer.measurement.measures import Ranged


def known(**changed: Any) -> Known:
    usual: dict[str, Any] = {
        "task": "classify", "labels": ("cat", "dog", "no.1"), "columns": ("camera", "brightness"),
        "profiles": ("rpi4",), "costs": False, "robustness": False,
    }  # fmt: skip
    return Known(**{**usual, **changed})


def test_tables_and_quoted_keys_are_the_same_goals() -> None:
    written = {
        "accuracy": 0.9, "recall": {"cat": 0.8}, "recall.no.1": 0.7, "slice": {"camera": {"min_accuracy": 0.5}},
        "latency_ms": {"rpi4": 20}, "ece": 0.05, "size_mb": 2,
    }  # fmt: skip
    found = read_goals(written, known(), where="train.toml")
    assert found is not None
    assert [(goal.key, goal.value, goal.direction) for goal in found.goals] == [
        ("accuracy", 0.9, "at least"), ("recall.cat", 0.8, "at least"), ("recall.no.1", 0.7, "at least"),
        ("slice.camera.min_accuracy", 0.5, "at least"), ("latency_ms.rpi4", 20.0, "at most"),
        ("ece", 0.05, "at most"), ("size_mb", 2.0, "at most"),
    ]  # fmt: skip
    assert read_goals({}, known(), where="") is None


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"accuracy": 1.2}, "can never be met or missed"),
        ({"accuracy": 0.0}, "is met by any model"),
        ({"accuracy": "high"}, "is not a number"),
        ({"accuracy": True}, "is not a number"),
        ({"acuracy": 0.9}, "Did you mean accuracy"),
        ({"recall.cow": 0.9}, "names no class of this data"),
        ({"slice.site.min_accuracy": 0.9}, "names no column of this data"),
        ({"latency_ms.rpi9": 10}, "names no profile"),
        ({"latency_ms.rpi4": 0}, "can never be met"),
        ({"map50": 0.5}, "is a goal for task 'detect'"),
        ({"top3": 0.9}, "of 3 classes is met by any model"),
        ({"cost_per_1000": 10}, "without prices"),
        ({"robust_accuracy": 0.5}, "is not measured"),
        ({"accuracy": 0.9, "confidence": "high"}, "confidence = 'high'"),
    ],
)
def test_what_nothing_could_meet_is_refused_in_one_sentence(written: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_goals(written, known(), where="train.toml")


def test_goals_of_one_task_are_not_those_of_another() -> None:
    detect = known(task="detect")
    assert read_goals({"map50": 0.5, "size_mb": 3, "latency_ms": {"rpi4": 30}}, detect, where="") is not None
    with pytest.raises(ConfigError, match="is a goal for task 'classify'"):
        read_goals({"accuracy": 0.5}, detect, where="")


shares = st.floats(0.01, 0.99)


@given(value=shares, goal=shares, half=st.floats(0.0, 0.3), interval=st.booleans())
def test_a_goal_is_met_exactly_where_its_figure_reaches_it(
    value: float, goal: float, half: float, interval: bool
) -> None:
    figure = Ranged(value=value, low=value - half, high=value + half)
    by = "interval" if interval else "value"
    goals = Goals((Goal("accuracy", goal, "at least"), Goal("ece", goal, "at most")), by)  # type: ignore[arg-type]
    found = judged(goals, {"accuracy": figure, "ece": figure})
    reached = value - half >= goal if interval else value >= goal
    stayed = value + half <= goal if interval else value <= goal
    assert [line.verdict == "met" for line in found.lines] == [reached, stayed]
    assert (found.verdict == "met") is (reached and stayed)


@given(measured=st.dictionaries(st.sampled_from(("accuracy", "macro_f1", "auroc")), shares))
def test_a_goal_without_evidence_is_never_met(measured: dict[str, float]) -> None:
    goals = Goals(tuple(Goal(key, 0.0, "at least") for key in ("accuracy", "macro_f1", "auroc")), "value")
    found = judged(goals, {key: Ranged(value=value) for key, value in measured.items()})
    assert {line.key for line in found.lines if line.verdict == "met"} == set(measured)
    assert found.verdict == ("met" if len(measured) == 3 else "missed")


def test_a_figure_without_an_interval_is_judged_by_its_value() -> None:
    goals = Goals((Goal("size_mb", 2.0, "at most"),), "interval")
    assert judged(goals, {"size_mb": Ranged(value=1.9)}).verdict == "met"
