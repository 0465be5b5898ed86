"""Groups and bursts across splits are named; numbers that mean nothing are not."""

from __future__ import annotations

import numpy as np

from tests.trainer.checks.seen_pictures import findings, listed, photo
from trainer.data.origin import Listed, SplitName


def burst(split_of: dict[int, SplitName] | None) -> list[Listed]:
    """Ten scenes of four frames each: a scene fades into a second one, so that frames are no near copies."""
    pictures = []
    for scene in range(10):
        first, second = photo(scene), photo(100 + scene)
        for frame in range(4):
            mixed = (first * (1 - 0.15 * frame) + second * 0.15 * frame).astype(np.uint8)
            number = 10 * scene + frame
            pictures.append(listed(f"x/IMG_{number:04}.jpg", mixed, split=split_of[number % 4] if split_of else None))
    return pictures


def test_a_group_in_two_splits_is_an_error() -> None:
    pictures = [
        listed("a", photo(1), split="train", group="camera 1"), listed("b", photo(2), split="test", group="camera 1"),
        listed("c", photo(3), split="train", group="camera 2"), listed("d", photo(4), split="test", group=None),
    ]  # fmt: skip
    finding = findings(pictures)["group-across-splits"]
    assert finding.severity == "error"
    assert finding.pictures == (("a", "b"),)
    assert finding.notes == ("group camera 1",)


def test_bursts_across_splits_and_bursts_that_would_be_torn_apart_are_warnings() -> None:
    others = [listed(f"y/{seed}", photo(seed), 1, "train") for seed in range(200, 205)]
    found = findings([*burst({0: "train", 1: "train", 2: "test", 3: "train"}), *others])
    assert found["bursts-across-splits"].severity == "warning"
    torn = {pair for pair in found["bursts-across-splits"].pictures if isinstance(pair, tuple)}
    assert ("x/IMG_0001.jpg", "x/IMG_0002.jpg") in torn
    assert all(int(one[-8:-4]) // 10 == int(other[-8:-4]) // 10 for one, other in torn)
    assert "bursts" in findings(burst(None))


def test_numbers_of_pictures_that_do_not_look_alike_say_nothing() -> None:
    numbered = [listed(f"{number:03}.jpg", photo(number), 0, "train" if number % 3 else "test") for number in range(60)]
    assert not {"bursts", "bursts-across-splits"} & set(findings(numbered))
