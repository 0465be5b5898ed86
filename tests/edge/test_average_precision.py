"""COCO's average precision on cases small enough to work out by hand, and the threshold chosen from them."""

from __future__ import annotations

import numpy as np
import pytest

from edge.average_precision import Average
from edge.marked import Found, Marked
from trainer.detection.scoring import score_detections
from trainer.detection.threshold import best_threshold

SQUARE = [10.0, 10.0, 30.0, 30.0]
FAR = [60.0, 60.0, 80.0, 80.0]


def marked(boxes: list[list[float]], labels: list[int], crowd: list[bool] | None = None) -> Marked:
    return Marked(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(labels, np.int64),
        np.array(crowd or [False] * len(labels), np.bool_),
    )


def found(boxes: list[list[float]], labels: list[int], scores: list[float]) -> Found:
    return Found(np.array(boxes, np.float32).reshape(-1, 4), np.array(labels, np.int64), np.array(scores, np.float32))


def test_everything_found_exactly_is_one() -> None:
    average = Average([marked([SQUARE, FAR], [0, 1])], [found([SQUARE, FAR], [0, 1], [0.9, 0.8])], 2)
    assert (average.map50_95, average.map50) == (pytest.approx(1.0), pytest.approx(1.0))


def test_an_overlap_of_two_thirds_counts_up_to_065() -> None:
    # 20x20 and the same moved by 4: 16 * 20 / (2 * 400 - 320) = 2/3, so it is right at 0.50, 0.55, 0.60 and 0.65.
    moved = [14.0, 10.0, 34.0, 30.0]
    average = Average([marked([SQUARE], [0])], [found([moved], [0], [0.9])], 1)
    assert average.map50 == pytest.approx(1.0)
    assert average.map50_95 == pytest.approx(0.4)
    assert average.class_recall(0) == pytest.approx(0.4)


def test_a_surer_wrong_box_halves_the_precision() -> None:
    average = Average([marked([SQUARE], [0])], [found([FAR, SQUARE], [0, 0], [0.9, 0.5])], 1)
    assert average.map50 == pytest.approx(0.5)
    answers = average.answers(0)
    assert answers.right.tolist() == [False, True]
    at = answers.at(0.5)
    assert (at.precision, at.recall, at.f1) == (0.5, 1.0, pytest.approx(2 / 3))
    assert answers.at(0.95).f1 == 0.0


def test_one_of_two_things_found_is_half_by_cocos_101_recalls() -> None:
    average = Average([marked([SQUARE, FAR], [0, 0])], [found([SQUARE], [0], [0.9])], 1)
    assert average.map50 == pytest.approx(51 / 101)  # recalls 0, 0.01 … 0.50


def test_a_box_in_a_crowd_is_neither_right_nor_wrong() -> None:
    truth = [marked([SQUARE, FAR], [0, 0], [False, True])]
    average = Average(truth, [found([SQUARE, FAR], [0, 0], [0.5, 0.9])], 1)
    assert average.map50_95 == pytest.approx(1.0)
    assert average.answers(0).marked == 1
    assert average.answers(0).scores.tolist() == [0.5]


def test_a_class_nobody_marked_counts_for_nothing() -> None:
    scores = score_detections([marked([SQUARE], [0])], [found([SQUARE], [0], [0.9])], ["a", "b"], 0.5)
    assert scores.map50_95 == pytest.approx(1.0)
    assert [(row.label, row.boxes) for row in scores.per_class] == [("a", 1), ("b", 0)]


def test_nothing_found_anywhere_is_zero_and_no_error() -> None:
    scores = score_detections([marked([SQUARE], [0]), marked([], [])], [found([], [], [])] * 2, ["a"], 0.5)
    assert (scores.map50_95, scores.map50_95_range, scores.boxes) == (0.0, (0.0, 0.0), 1)


def test_the_interval_of_equal_pictures_has_no_width_and_that_of_unequal_ones_holds_the_value() -> None:
    hit, miss = found([SQUARE], [0], [0.9]), found([], [], [])
    equal = Average([marked([SQUARE], [0])] * 6, [hit] * 6, 1)
    assert equal.interval() == (pytest.approx(1.0), pytest.approx(1.0))
    uneven = Average([marked([SQUARE], [0])] * 10, [hit] * 6 + [miss] * 4, 1)
    low, high = uneven.interval()
    assert uneven.map50_95 == pytest.approx(61 / 101)
    assert 0.2 < low < uneven.map50_95 < high < 1.0


def test_drawing_pictures_as_they_are_gives_the_value_itself() -> None:
    truth = [marked([SQUARE], [0]), marked([FAR, SQUARE], [1, 0]), marked([], [])]
    answers = [found([SQUARE], [0], [0.6]), found([FAR, FAR], [1, 0], [0.9, 0.7]), found([SQUARE], [0], [0.3])]
    average = Average(truth, answers, 2)
    assert average._of(np.arange(3)) == pytest.approx(average.map50_95)


def test_pycocotools_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    Average([marked([SQUARE], [0])], [found([SQUARE], [0], [0.9])], 1).interval()
    assert capfd.readouterr() == ("", "")


def test_the_threshold_keeps_right_boxes_and_leaves_wrong_ones_out() -> None:
    # Right ones at 0.8 and 0.6, wrong ones at 0.3: every threshold in (0.3, 0.6] is as good.
    truth = [marked([SQUARE], [0]), marked([SQUARE], [0])]
    answers = [found([SQUARE, FAR], [0, 0], [0.8, 0.3]), found([SQUARE, FAR], [0, 0], [0.6, 0.3])]
    threshold = best_threshold(Average(truth, answers, 1))
    assert 0.3 < threshold <= 0.6
    assert threshold == pytest.approx(0.46, abs=0.011)
