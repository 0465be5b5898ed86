"""Weights stand for repeated pictures, and pycocotools agrees to the last digit."""

from __future__ import annotations

import numpy as np
import pytest

from edge.average_precision import Average
from tests.trainer.detection.imagined_detectors import imagined_answers, imagined_truth
from trainer.detection.weighted_precision import average_precisions, mean_precision, within

DRAWN = np.random.default_rng(0)
TRUTH = imagined_truth(30, DRAWN)
FOUND = imagined_answers(TRUTH, DRAWN)
AVERAGE = Average(TRUTH, FOUND, 3)  # of the third class nothing is marked
MATCHES = [AVERAGE.matches(number) for number in range(3)]


def test_once_each_is_cocos_figure() -> None:
    precisions = average_precisions(MATCHES, np.ones((1, 30)))
    assert mean_precision(precisions)[0] == pytest.approx(AVERAGE.map50_95, abs=1e-12)
    assert mean_precision(precisions[..., :1])[0] == pytest.approx(AVERAGE.map50, abs=1e-12)
    assert precisions[0, 1].mean() == pytest.approx(AVERAGE.class_map(1), abs=1e-12)
    assert np.isnan(precisions[0, 2]).all()


def test_a_weight_of_two_is_a_picture_that_is_there_twice() -> None:
    drawn = np.random.default_rng(1).integers(0, 30, (3, 30))
    weights = np.stack([np.bincount(row, minlength=30) for row in drawn]).astype(np.float64)
    again = [Average([TRUTH[i] for i in row], [FOUND[i] for i in row], 3).map50_95 for row in drawn]
    assert mean_precision(average_precisions(MATCHES, weights)) == pytest.approx(again, abs=1e-12)


def test_some_pictures_alone_are_those_pictures() -> None:
    first = np.arange(30) < 11
    alone = average_precisions([within(one, first) for one in MATCHES], np.ones((1, 11)))
    assert mean_precision(alone)[0] == pytest.approx(Average(TRUTH[:11], FOUND[:11], 3).map50_95, abs=1e-12)


def test_where_nothing_is_marked_there_is_no_precision() -> None:
    precisions = average_precisions(MATCHES[2:], np.ones((2, 30)))
    assert np.isnan(precisions).all()
    assert mean_precision(precisions).tolist() == [0.0, 0.0]
