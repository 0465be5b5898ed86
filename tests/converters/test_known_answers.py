"""Which frames become golden: firm ones, spread over the classes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from contract.manifest import Quantization, TensorSpec
from converters.known_answers import LIMIT, choose, tolerance


def test_the_tolerance_is_eight_steps_of_a_quantised_output() -> None:
    output = TensorSpec(name="o", shape=(1, 3), dtype="int8", quantization=Quantization(scale=1 / 256, zero_point=-128))
    assert tolerance(output, np.zeros((1, 3))) == pytest.approx(8 / 256)


def test_the_tolerance_of_a_float_output_follows_the_range_seen() -> None:
    output = TensorSpec(name="o", shape=(1, 2), dtype="float32")
    assert tolerance(output, np.array([[-1.0, 1.0]])) == pytest.approx(2 * 8 / 256)


def test_a_frame_whose_first_answer_could_flip_is_never_chosen() -> None:
    scores = np.array([[0.50, 0.45], [0.9, 0.1], [0.1, 0.9]])
    assert choose(np.array([0, 0, 1]), scores, 0.03).tolist() == [1, 2]


def test_where_no_frame_is_firm_none_is_chosen() -> None:
    assert choose(np.array([0, 1]), np.array([[0.5, 0.5], [0.5, 0.5]]), 0.03).tolist() == []


@given(some.lists(some.integers(0, 4), min_size=1, max_size=120))
def test_every_class_gets_its_fair_share_of_frames(classes: list[int]) -> None:
    labels = np.array(classes)
    scores = np.eye(5)[labels]
    chosen = choose(labels, scores, 0.03)
    assert len(chosen) == min(LIMIT, len(labels))
    assert (np.diff(chosen) > 0).all()
    taken, there = np.bincount(labels[chosen], minlength=5), np.bincount(labels, minlength=5)
    # No class gets two frames more than another that still had some to give.
    for label in range(5):
        if taken[label] < there[label]:
            assert taken.max() <= taken[label] + 1
