"""The model card says what was measured, and leaves open what was not."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from tests.trainer.records import DIGEST, record
from trainer.card import card
from trainer.quantization_aware.verdict import QuantizationAware


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


def test_what_came_of_learning_with_rounding_is_said_where_there_was_any() -> None:
    plain = record()
    assert "Quantisation-aware" not in card(plain)
    aware = QuantizationAware(
        kept=False, decision="not kept: not shown to be better", epochs=2, learning_rate=3e-4, seconds=1.0,
        accuracy=0.7, file_accuracy=0.6, file_agreement=0.9, weights=DIGEST,
    )  # fmt: skip
    text = card(replace(plain, metrics=msgspec.structs.replace(plain.metrics, quantization_aware=aware)))
    assert "Quantisation-aware model not kept: not shown to be better. Its int8 file: accuracy 60.00%" in text
