"""What a run keeps of its pictures: spread over the classes, the same for equal data."""

from __future__ import annotations

import io

import numpy as np

from trainer.data.dataset import Pictures
from trainer.data.samples import packed, spread_over_classes


def pictures(labels: list[int]) -> Pictures:
    frames = np.random.default_rng(0).integers(0, 256, (len(labels), 4, 4, 3), dtype=np.uint8)
    digests = tuple(f"{number * 37 % 101:03}" for number in range(len(labels)))
    return Pictures(frames, np.array(labels, np.int64), tuple(digests), digests)


def test_every_class_gets_its_turn_before_any_gets_another() -> None:
    few_of_one = pictures([0] * 50 + [1] * 3 + [2] * 50)
    chosen = few_of_one.labels[spread_over_classes(few_of_one, 23)]
    assert np.bincount(chosen).tolist() == [10, 3, 10]


def test_fewer_pictures_than_the_limit_are_all_taken_in_order() -> None:
    assert spread_over_classes(pictures([1, 0, 1]), 10).tolist() == [0, 1, 2]


def test_the_choice_follows_from_the_digests_and_not_from_the_order() -> None:
    there = pictures([0, 1] * 20)
    back = there.take(np.arange(39, -1, -1))
    chosen = {there.digests[i] for i in spread_over_classes(there, 8)}
    assert chosen == {back.digests[i] for i in spread_over_classes(back, 8)}


def test_equal_pictures_pack_into_equal_bytes_that_numpy_reads() -> None:
    data = packed(pictures([0, 1] * 5), 6)
    assert data == packed(pictures([0, 1] * 5), 6)
    with np.load(io.BytesIO(data)) as read:
        assert read["frames"].shape == (6, 4, 4, 3)
        assert read["frames"].dtype == np.uint8
        assert read["labels"].dtype == np.int64
