"""One word written in two ways is found, and different words are not."""

from __future__ import annotations

from tests.trainer.checks.seen_pictures import findings, listed, photo
from trainer.checks.spelling import spellings


def test_spellings_of_one_word_stand_together() -> None:
    assert spellings(["Cat", "cat ", "cats", "traffic light", "traffic_light", "dog"]) == [
        ("Cat", "cat "), ("traffic light", "traffic_light"),
    ]  # fmt: skip


def test_spellings_are_errors_and_plurals_warnings() -> None:
    labels = ("Cat", "cat ", "dress", "dresses", "glass", "shoe", "shoes", "bus", "0", "1")
    pictures = [listed(f"{number}", photo(number), number) for number in range(len(labels))]
    found = findings(pictures, labels)
    assert found["label-spelling"].severity == "error"
    assert found["label-spelling"].examples == ("'Cat' = 'cat '",)
    assert found["label-plurals"].examples == ("'dress' = 'dresses'", "'shoe' = 'shoes'")
