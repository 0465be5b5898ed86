"""Two detectors compared: what is shown is there, and what is an accident is rarely said to be more."""

from __future__ import annotations

import numpy as np
import pytest

from edge.average_precision import Average
from edge.marked import Found, Marked
from tests.trainer.detection.imagined_detectors import imagined_answers, imagined_truth
from trainer.detection.comparison import differences, drop_p, paired


def test_equal_models_are_rarely_called_worse() -> None:
    """A p of at most 0.05 comes to at most 5 % of equal models, whatever the number of pictures.

    Of 100 trials 13 or more would come by chance in under 1 of 500, were it just 5 %.
    """
    drawn = np.random.default_rng(3)
    alarms = 0
    for _ in range(100):
        truth = imagined_truth(8, drawn)
        pair = paired(truth, imagined_answers(truth, drawn), imagined_answers(truth, drawn), 2)
        alarms += drop_p(pair, np.arange(8)) <= 0.05
    assert alarms < 13


def test_a_worse_model_is_shown_to_be_one() -> None:
    drawn = np.random.default_rng(4)
    truth = imagined_truth(40, drawn)
    good, poor = imagined_answers(truth, drawn, hit=0.9), imagined_answers(truth, drawn, hit=0.5)
    pair = paired(truth, good, poor, 2)
    assert drop_p(pair, np.arange(40)) < 0.01
    assert drop_p(paired(truth, poor, good, 2), np.arange(40)) > 0.95
    found, loosely = differences(pair, None)
    assert (found.a, found.b) == pytest.approx((Average(truth, good, 2).map50_95, Average(truth, poor, 2).map50_95))
    assert found.interval[0] < found.difference < found.interval[1] < 0.0
    assert loosely.a == pytest.approx(Average(truth, good, 2).map50)


def one_box(pictures: int, *, missed: int) -> tuple[list[Marked], list[Found], list[Found]]:
    """A box in each picture; the first model finds all, the second all but the first `missed`."""
    box, label = np.array([[10, 10, 30, 30]], np.float32), np.zeros(1, np.int64)
    found = Found(box, label, np.full(1, 0.9, np.float32))
    nothing = Found(box[:0], label[:0], found.scores[:0])
    truth = [Marked(box, label, np.zeros(1, np.bool_))] * pictures
    return truth, [found] * pictures, [nothing] * missed + [found] * (pictures - missed)


@pytest.mark.parametrize(("pictures", "p"), [(4, 1 / 16), (5, 1 / 32), (9, 1 / 512)])
def test_of_few_pictures_every_way_to_change_sides_is_counted(pictures: int, p: float) -> None:
    assert drop_p(paired(*one_box(pictures, missed=pictures), 1), np.arange(pictures)) == p


def test_pictures_of_one_group_are_one_piece_of_evidence() -> None:
    pair = paired(*one_box(20, missed=20), 1)
    assert drop_p(pair, np.arange(20)) < 0.002
    assert drop_p(pair, np.arange(20) // 5) == 1 / 16


def test_equal_answers_have_no_drop() -> None:
    truth, found, _ = one_box(10, missed=0)
    pair = paired(truth, found, found, 1)
    assert drop_p(pair, np.arange(10)) == 1.0
    assert differences(pair, None)[0].difference == 0.0
