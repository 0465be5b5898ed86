"""Three splits that share no picture, for any data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import DataError
from trainer.data.origin import SPLITS, SplitName
from trainer.data.splits import Assignment, assign
from trainer.data.ties import Ties
from trainer.settings import DataSettings

PICTURES = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 2), st.sampled_from(["train", "validation", "test", None])),
    min_size=1,
    max_size=80,
)


def assigned(
    digests: Sequence[str], labels: Sequence[int], given_splits: Sequence[SplitName | None], seed: int = 0
) -> Assignment:
    names = [f"class {number}" for number in range(max(labels) + 1)]
    return assign(
        digests,
        np.array(labels, np.int64),
        given_splits,
        seed=seed,
        settings=DataSettings(),
        names=names,
        where="test",
    )


@given(PICTURES, st.integers(0, 5))
def test_every_picture_has_one_place_and_no_digest_two(
    pictures: list[tuple[int, int, SplitName | None]], seed: int
) -> None:
    digests = [f"digest {number}" for number, _, _ in pictures]
    labels = [label for _, label, _ in pictures]
    try:
        done = assigned(digests, labels, [split for _, _, split in pictures], seed)
    except DataError:
        return  # too few pictures of a class: a test of its own
    places = [*done.indices.values(), done.left_out]
    assert sorted(np.concatenate(places).tolist()) == list(range(len(pictures)))
    seen = [{digests[i] for i in done.indices[split]} for split in SPLITS]
    assert sum(map(len, seen)) == len(set().union(*seen))


def test_made_splits_keep_the_shares_of_each_class() -> None:
    labels = [0] * 100 + [1] * 50
    done = assigned([f"{i}" for i in range(150)], labels, [None] * 150)
    counts = {split: np.bincount(np.array(labels)[done.indices[split]]).tolist() for split in SPLITS}
    assert counts == {"train": [72, 36], "validation": [8, 4], "test": [20, 10]}


def test_the_split_follows_from_pictures_and_seed_and_not_from_their_order() -> None:
    digests, labels = [f"{i}" for i in range(90)], [i % 3 for i in range(90)]
    there = assigned(digests, labels, [None] * 90, seed=4)
    back = assigned(digests[::-1], labels[::-1], [None] * 90, seed=4)
    for split in SPLITS:
        assert {digests[i] for i in there.indices[split]} == {digests[::-1][i] for i in back.indices[split]}
    other = assigned(digests, labels, [None] * 90, seed=5)
    assert set(there.indices["test"]) != set(other.indices["test"])


def test_given_validation_becomes_the_test_split_and_a_new_one_is_cut_from_train() -> None:
    splits: list[SplitName | None] = ["train"] * 40 + ["validation"] * 10
    done = assigned([f"{i}" for i in range(50)], [i % 2 for i in range(50)], splits)
    assert done.indices["test"].tolist() == list(range(40, 50))
    assert set(done.indices["validation"]) < set(range(40))


def test_three_given_splits_are_kept_as_they_are() -> None:
    splits: list[SplitName | None] = ["train", "train", "validation", "validation", "test", "test"]
    done = assigned(list("abcdef"), [0, 1, 0, 1, 0, 1], splits)
    assert [done.indices[split].tolist() for split in SPLITS] == [[0, 1], [2, 3], [4, 5]]


def test_training_copies_of_measured_pictures_are_left_out() -> None:
    splits: list[SplitName | None] = ["train"] * 6 + ["validation", "validation", "test", "test"]
    digests = ["copy 1", "copy 2", "c", "d", "e", "f", "v", "copy 1", "copy 2", "t"]
    done = assigned(digests, [0, 1] * 5, splits)
    assert done.left_out.tolist() == [0, 1]
    assert [done.indices[split].tolist() for split in SPLITS] == [[2, 3, 4, 5], [6, 7], [8, 9]]


def test_a_class_with_too_few_pictures_is_named() -> None:
    with pytest.raises(DataError, match="'class 1' has too few"):
        assigned(["a", "b", "c", "d", "e", "same", "same"], [0] * 5 + [1, 1], [None] * 7)


TIED_PICTURES = st.lists(
    st.tuples(st.integers(0, 200), st.integers(0, 2), st.sampled_from([None, *"abcdefghijkl"])),
    min_size=1,
    max_size=80,
)


@settings(deadline=None)
@given(TIED_PICTURES, st.lists(st.tuples(st.integers(0, 79), st.integers(0, 79)), max_size=10), st.booleans())
def test_no_group_and_no_near_copies_stand_in_two_made_splits(
    pictures: list[tuple[int, int, str | None]], pairs: list[tuple[int, int]], every_class: bool
) -> None:
    near = [pair for pair in pairs if max(pair) < len(pictures)]
    groups = [group for _, _, group in pictures]
    ties = Ties(groups, (), np.array(near, np.int64).reshape(-1, 2))
    labels = np.array([label for _, label, _ in pictures])
    digests = [f"{number:03}" for number, _, _ in pictures]
    try:
        done = assign(
            digests, labels, [None] * len(pictures), seed=1, settings=DataSettings(), names=["a", "b", "c"],
            where="test", ties=ties, every_class=every_class,
        )  # fmt: skip
    except DataError:
        return
    assert sorted(np.concatenate(list(done.indices.values())).tolist()) == list(range(len(pictures)))
    of = {int(index): split for split, indices in done.indices.items() for index in indices}
    assert all(of[i] == of[j] for i, j in near)
    assert len({(group, of[i]) for i, group in enumerate(groups) if group}) == len({group for group in groups if group})
    if every_class:
        assert all(set(labels[done.indices[split]]) == {0, 1, 2} for split in SPLITS)


def tied(labels: Sequence[int], ties: Ties, *, every_class: bool = True) -> dict[str, list[int]]:
    digests = [f"{number:03}" for number in range(len(labels))]
    names = [f"class {number}" for number in range(max(labels) + 1)]
    done = assign(
        digests, np.array(labels), [None] * len(labels), seed=3, settings=DataSettings(), names=names, where="test",
        ties=ties, every_class=every_class,
    )  # fmt: skip
    return {split: done.indices[split].tolist() for split in SPLITS}


def test_groups_are_stratified_as_far_as_they_allow() -> None:
    groups = [f"person {number // 5}" for number in range(200)]
    labels = [number % 4 for number in range(200)]
    done = tied(labels, Ties(groups))
    assert [len(done[split]) for split in SPLITS] == [145, 15, 40]
    assert np.bincount(np.array(labels)[done["test"]]).tolist() == [10, 10, 10, 10]


def test_a_class_of_one_group_is_refused_by_name() -> None:
    with pytest.raises(DataError, match="the 5 pictures of class 'class 1' that are left belong together"):
        tied([0] * 10 + [1] * 5, Ties([None] * 10 + ["one camera"] * 5))


def test_the_newest_are_tested_and_the_next_validated() -> None:
    times = [float((7 * number) % 100) for number in range(100)]
    done = tied([number % 2 for number in range(100)], Ties((), times))
    of_split = {split: sorted(times[index] for index in done[split]) for split in SPLITS}
    assert of_split["test"] == [float(time) for time in range(80, 100)]
    assert of_split["validation"] == [float(time) for time in range(72, 80)]


def test_one_time_and_one_group_are_never_cut_by_time() -> None:
    days = [float(number // 10) for number in range(50)]
    groups: list[str | None] = [None] * 50
    groups[0] = groups[49] = "both ends"
    done = tied([0, 1] * 25, Ties(groups, days))
    assert sorted(done["test"]) == [*range(10), *range(40, 50)]
    with pytest.raises(DataError, match="of one time: no test split"):
        tied([0, 1] * 5, Ties((), [1.0] * 10))


def test_detection_pictures_go_by_their_most_frequent_class_and_need_not_have_one() -> None:
    done = tied([0] * 60 + [-1] * 40 + [1], Ties(), every_class=False)
    assert [sum(60 <= index < 100 for index in done[split]) for split in SPLITS] == [29, 3, 8]
    assert [sum(index < 60 for index in done[split]) for split in SPLITS] == [43, 5, 12]
    assert 100 in done["train"]
