"""The model card says what was measured, and leaves open what was not."""

from __future__ import annotations

from tests.trainer.records import DIGEST, record
from trainer.card import card


def test_every_number_of_the_card_is_a_measured_one() -> None:
    text = card(record(("cat", "dog")))
    assert "Accuracy 70.00% (95 % interval 39.70% to 89.20%" in text
    assert "| dog | 75.0% | 60.0% | 66.7% | 5 |" in text
    assert f"Weights: `{DIGEST}`" in text
    assert "Left out of training as copies of measured pictures: 1" in text


def test_what_nobody_stated_is_visibly_open() -> None:
    text = card(record())
    assert text.split("## Intended use")[1].strip().startswith("_Not stated")
    assert "Unreadable" not in text


def test_a_label_cannot_break_the_table() -> None:
    rows = [line for line in card(record()).splitlines() if line.startswith("| ")]
    assert all(line.replace("\\|", "").count("|") == 6 for line in rows)
