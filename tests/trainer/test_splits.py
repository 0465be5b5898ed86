"""Three splits that share no picture, for any data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import DataError
from trainer.origin import SPLITS, SplitName
from trainer.settings import DataSettings
from trainer.splits import Assignment, assign

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
