"""A group stands in one split, whatever the groups look like."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.retraining.group_splits import GroupSplits, assign_groups
from trainer.settings import DataSettings


def assigned(
    groups: Sequence[str | None], labels: list[int], *, new: tuple[int, ...] = (), seed: int = 0
) -> GroupSplits:
    digests = [f"picture {number}" for number in range(len(groups))]
    return assign_groups(
        digests, groups, np.eye(max(labels) + 1)[labels], new_classes=new, seed=seed, settings=DataSettings()
    )


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2)), min_size=2, max_size=60), st.integers(0, 3))
def test_no_group_stands_in_two_splits_and_something_is_trained_on(pictures: list[tuple[int, int]], seed: int) -> None:
    groups = [f"day {day}" for day, _ in pictures]
    done = assigned(groups, [label for _, label in pictures], seed=seed)
    assert "train" in done.splits
    if done.by_group:
        places = {(group, split) for group, split in zip(groups, done.splits, strict=True)}
        assert len(places) == done.groups
        assert "test" in done.splits


def test_shares_are_met_as_well_as_groups_allow() -> None:
    done = assigned([f"{number // 5}" for number in range(200)], [number % 2 for number in range(200)])
    assert [done.splits.count(name) for name in ("test", "validation", "train")] == [40, 20, 140]
    assert done.groups == 40


def test_a_new_class_of_two_days_is_trained_on_the_one_and_measured_on_the_other() -> None:
    groups = ["mon"] * 10 + ["tue"] * 10 + ["wed"] * 10
    done = assigned(groups, [0] * 10 + [0] * 5 + [1] * 15, new=(1,))
    assert "train" in done.splits[15:]


def test_a_single_group_is_drawn_picture_by_picture_and_says_so() -> None:
    done = assigned(["mon"] * 20, [0] * 20)
    assert not done.by_group
    assert done.splits.count("test") == 4


def test_pictures_without_a_group_are_one_each_and_order_changes_nothing() -> None:
    done = assigned([None] * 30, [0, 1] * 15)
    assert done.groups == 30
    assert assigned([None] * 30, [0, 1] * 15) == done
