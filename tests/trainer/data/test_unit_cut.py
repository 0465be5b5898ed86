"""Units cut out of the rest: whole, about the share that was asked for, and leaving some of each class."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.data.unit_cut import newest, stratified


def test_units_of_one_picture_give_the_exact_share_of_each_class() -> None:
    counts = np.zeros((150, 2), np.int64)
    counts[:100, 0] = 1
    counts[100:, 1] = 1
    taken = stratified(counts, 0.2, np.random.default_rng(0))
    assert counts[taken].sum(axis=0).tolist() == [20, 10]


def test_a_unit_far_above_the_share_stays_where_it_is() -> None:
    counts = np.array([[90], [4], [3], [3]])
    for seed in range(5):
        assert stratified(counts, 0.1, np.random.default_rng(seed)) == [1, 2, 3]


def test_a_rare_class_is_in_both_parts() -> None:
    counts = np.array([[10, 0]] * 20 + [[10, 1], [10, 1]])
    taken = stratified(counts, 0.1, np.random.default_rng(1))
    assert counts[taken, 1].sum() == 1


@settings(deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 6), min_size=3, max_size=3).filter(any), min_size=1, max_size=30),
    st.integers(0, 9),
)
def test_of_every_class_something_is_left(counts: list[list[int]], seed: int) -> None:
    table = np.array(counts)
    taken = stratified(table, 0.2, np.random.default_rng(seed))
    assert len(set(taken)) == len(taken)
    left = np.delete(table, taken, axis=0).sum(axis=0)
    assert (left[table.sum(axis=0) > 0] > 0).all()


def test_the_newest_come_nearest_to_the_share() -> None:
    assert newest([1] * 10, [float(time) for time in range(10)], 0.2) == [8, 9]
    assert newest([5, 1, 3], [0.0, 1.0, 2.0], 0.2) == [2]
    assert newest([1, 9], [0.0, 1.0], 0.2) == [1]
    assert newest([10], [0.0], 0.2) == []
