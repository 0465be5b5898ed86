"""The task's own metric by hand-made answers: shares of right classes, and average precision of boxes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from contract.decoding import Estimate
from contract.manifest import Classify, DetectGrid, Regress
from converters.gate import Stage, judge
from converters.task_metric import allowed_drop, task_metric, truth_of
from converters.verdict import Limits
from edge.marked import Marked
from tests.converters.drafts import draft

CLASSES = draft("classify", Classify(scores="scores"), {"scores": (1, 3)})
GRID = draft(
    "detect",
    DetectGrid(boxes="boxes", scores="scores", encoding="xyxy", score_threshold=0.5),
    {"boxes": (1, 2, 4), "scores": (1, 2, 3)},
)
TRUE_BOXES = np.array([[2, 2, 14, 14], [16, 16, 30, 28]], np.float32)
PICTURES = 5


def marked() -> tuple[Marked, ...]:
    """Two things in each picture, of the classes a and b."""
    return tuple(Marked(TRUE_BOXES, np.array([0, 1]), np.zeros(2, np.bool_)) for _ in range(PICTURES))


def answers(boxes: Any = TRUE_BOXES, sure: float = 0.9, classes: tuple[int, int] = (0, 1)) -> dict[str, Any]:
    scores = np.zeros((PICTURES, 2, 3), np.float32)
    scores[:, [0, 1], classes] = sure
    scores *= 1 - np.arange(PICTURES)[:, np.newaxis, np.newaxis] / 100  # no two pictures get the same answer
    return {"boxes": np.tile(np.float32(boxes), (PICTURES, 1, 1)), "scores": scores}


def test_of_a_classifier_it_is_the_share_of_right_answers() -> None:
    scores = np.eye(3, dtype=np.float32)[[0, 1, 2, 0]]
    metric = task_metric(CLASSES, {"scores": scores}, np.array([0, 1, 2, 2]))
    assert metric is not None
    assert metric.value == 0.75
    low, high = metric.range()
    assert low < 0.75 < high


def test_of_a_detector_it_is_the_average_precision_of_its_boxes() -> None:
    perfect = task_metric(GRID, answers(), marked())
    assert perfect is not None
    assert perfect.value == pytest.approx(1.0)
    assert perfect.range() == pytest.approx((1.0, 1.0))
    swapped = task_metric(GRID, answers(classes=(1, 0)), marked())
    assert swapped is not None
    assert swapped.value == 0.0
    # 12 of 14 pixels wide: IoU 12/14 = 0.857 for one, 14/16 = 0.875 for the other: right at 8 overlaps of 10.
    wider = TRUE_BOXES + np.array([[-2, 0, 0, 0], [-2, 0, 0, 0]], np.float32)
    moved = task_metric(GRID, answers(wider), marked())
    assert moved is not None
    assert moved.value == pytest.approx(0.8)


def test_boxes_under_the_threshold_count_for_it() -> None:
    faint = task_metric(GRID, answers(sure=0.1), marked())
    assert faint is not None
    assert faint.value == pytest.approx(1.0)


def test_other_tasks_and_other_truth_have_none() -> None:
    values = draft("regress", Regress(values=(Estimate(name="v", output="v"),)), {"v": (1, 1)})
    assert task_metric(values, {"v": np.zeros((4, 1), np.float32)}, np.zeros(4, np.int64)) is None
    assert task_metric(CLASSES, {"scores": np.zeros((PICTURES, 3), np.float32)}, marked()) is None


def test_the_truth_follows_the_pictures() -> None:
    assert truth_of(np.array([4, 5, 6]), np.array([0, 2])).tolist() == [4, 6]  # type: ignore[union-attr]
    assert len(truth_of(marked(), np.array([1]))) == 1


def test_an_average_precision_may_lose_a_share_of_itself_and_an_accuracy_points() -> None:
    assert allowed_drop(GRID, Limits(max_drop=0.02), 0.5, 100) == pytest.approx(0.01)
    assert allowed_drop(CLASSES, Limits(max_drop=0.02), 0.5, 100) == pytest.approx(0.02)


def test_the_gate_refuses_a_detector_that_lost_too_much_of_it() -> None:
    ragged = TRUE_BOXES + np.array([[0, 0, 1.2, 0], [0, 0, 1.2, 0]], np.float32)
    stage = Stage("kernels", "device", answers(ragged), np.arange(PICTURES))
    found = judge(GRID, answers(), [stage], marked(), Limits())
    assert found.metric == "mAP50-95"
    assert found.source_accuracy == pytest.approx(1.0)
    assert "mAP50-95 fell from 100.00% to 90.00%" in found.what
