"""Nine headings in the regulation's order, filled where something was measured and open elsewhere."""

from __future__ import annotations

from tests.trainer.detection.test_report_sections import record as detector_record
from tests.trainer.records import DIGEST, record
from tests.trainer.test_mlbom import FULL, stated
from trainer.card import card
from trainer.detection.report_sections import detector_card
from trainer.technical_file import OPEN, technical_file


def test_the_nine_parts_stand_in_order() -> None:
    heads = [line for line in technical_file(record(("cat", "dog"))) if line.startswith("### ")]
    assert [int(head.split()[1].rstrip(".")) for head in heads] == list(range(1, 10))
    assert heads[0] == "### 1. General description"
    assert heads[8] == "### 9. Post-market monitoring"


def test_what_was_measured_is_filled_and_what_nobody_stated_is_open() -> None:
    text = "\n".join(technical_file(record(("cat", "dog"))))
    assert f"weights `{DIGEST}`" in text
    assert "'cat', 60.0% of 5 pictures" in text
    assert f"- Provider: {OPEN}" in text
    assert f"- Declaration: {OPEN}" in text


def test_a_detector_s_file_is_filled_from_its_own_figures() -> None:
    text = detector_card(detector_record())
    assert "### 9. Post-market monitoring" in text
    assert "the class found least is 'cell', 70.0% of 11 boxes" in text
    assert "1 odd boxes left out" in text.split("### 2. Development")[1]
    assert "COCO's mAP with its 95 % interval" in text
    assert f"- Provider: {OPEN}" in text
    assert "- intended use" in text.split("## Not stated")[1]


def test_what_is_stated_is_quoted_with_its_name_and_leaves_the_list_of_open_things() -> None:
    text = card(stated(FULL))
    assert "- Provider: Moss & Co _(stated by M. Moss)_" in text
    still_open = text.split("## Not stated")[1]
    assert "- cybersecurity" in still_open
    assert "- licence" not in still_open
    assert "- intended use" in card(record()).split("## Not stated")[1]
