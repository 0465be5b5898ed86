"""Pages about an evaluation: everything measured stands in them, they load nothing, and trust no name."""

from __future__ import annotations

import re
from dataclasses import replace

import msgspec
import pytest

from tests.html_balance import Balance
from tests.trainer.evaluated import listed, scored
from tests.trainer.records import HOSTILE, record
from trainer.card import card
from trainer.measurement.appraisal import Circumstances, appraise
from trainer.measurement.evaluating import Evaluated
from trainer.measurement.evaluation import score
from trainer.measurement.evaluation_page import Shown, page
from trainer.measurement.evaluation_plan import make_plan
from trainer.measurement.evaluation_printout import evaluation_lines, goal_lines
from trainer.measurement.evaluation_settings import EvaluationSettings
from trainer.measurement.measures import Evaluation
from trainer.measurement.robustness import robustness
from trainer.record import Record, TrainingMetrics
from trainer.report import report

LABELS = ("cat", "dog", HOSTILE)


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    """With everything that can be asked for."""
    test = scored(90)
    known = listed(test.pictures, {"camera": ["a", HOSTILE, "c"] * 30})
    settings = EvaluationSettings(
        resamples=200, threshold_for=("precision>=0.9", "recall.dog>=0.99"), costs={"cat->dog": 9.0, "currency": "EUR"}
    )
    goals = {"accuracy": 0.99, "recall": {"dog": 0.01}, "latency_ms.rpi4": 20}
    plan = make_plan(settings, goals, task="classify", labels=LABELS, listed=known.values())
    robust = robustness(lambda frames: test.answers[: len(frames)], test.pictures, limit=10, seed=0)
    about = Circumstances(labels=LABELS, seed=3, listed=known, validation=scored(90, seed=1), robust=robust)
    return appraise(test, plan, about)


def training(evaluation: Evaluation) -> Record:
    made = record()
    metrics = msgspec.structs.replace(made.metrics, evaluation=evaluation, goals="missed")
    looked = tuple(replace(one, saliency=b"\x89PNG2") for one in made.mistakes)
    return replace(made, metrics=metrics, mistakes=looked, right=looked)


def evaluated(evaluation: Evaluation) -> Evaluated:
    test = scored(90)
    scores = score(test.pictures.labels, test.answers, LABELS)
    return Evaluated(
        model="runs/x", kind="run", release=HOSTILE, data="pictures", split="test", held_back=True, scores=scores,
        accuracy_range=(0.8, 0.9), evaluation=evaluation,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["training", "evaluation"])
def test_both_pages_say_everything_and_load_nothing(evaluation: Evaluation, kind: str) -> None:
    made = report(training(evaluation)) if kind == "training" else page(evaluated(evaluation), Shown(()))
    balance = Balance()
    balance.feed(made)
    assert balance.open == []
    assert not balance.seen & {"script", "link", "iframe", "object"}
    assert HOSTILE not in made
    addresses = re.findall(r'(?:src|href)="([^"]*)"|url\(([^)]*)\)', made)
    assert all(address.startswith("data:image/png;base64,") for pair in addresses for address in pair if address)
    said = (
        'Goals: <span class="missed">missed', "not measured", "200 bootstrap resamples", "Slices", "At temperature",
        "precision&gt;=0.9", "EUR", "Mean corruption accuracy", "elastic", "seed 3",
    )  # fmt: skip
    assert [text for text in said if text not in made] == []
    assert made.index("Goals:") < made.index("macro-F1") < made.index("Class by class")


def test_what_the_model_looked_at_stands_beside_the_mistake(evaluation: Evaluation) -> None:
    made = report(training(evaluation))
    assert made.count("where evidence lay") == 2
    assert "Grad-CAM" in made
    assert "Rightly answered" in made


def test_the_card_says_how_sure_its_figures_are(evaluation: Evaluation) -> None:
    text = card(training(evaluation))
    figure = evaluation.figures["macro_f1"]
    assert f"- Macro-F1 {figure.value:.4f} ({figure.low:.4f} to {figure.high:.4f})" in text
    assert "- Goals: missed" in text
    assert "mean corruption accuracy" in text
    assert "\n\n\n" not in text


def test_lines_for_people_name_the_lowest_slice_and_every_goal(evaluation: Evaluation) -> None:
    lines = list(evaluation_lines(evaluation))
    assert any(line.startswith("lowest slice: ") for line in lines)
    assert sum(line.startswith("    ") for line in lines) == 15
    goals = list(goal_lines(evaluation.goals))
    assert goals[0] == "goals: missed"
    assert [line.split()[-1] for line in goals[1:]] == ["missed", "met", "measured"]
    assert list(goal_lines(None)) == []


def test_metrics_of_an_older_run_still_read() -> None:
    old = msgspec.to_builtins(record().metrics)
    del old["evaluation"], old["goals"]
    read = msgspec.convert(old, TrainingMetrics)
    assert read.evaluation is None
    assert read.goals is None
