"""Each thing that can be wrong with boxes is found in pictures that have it, and the mended list leaves it out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from contract.errors import ConfigError
from tests.trainer.checks.seen_pictures import examined, listed, photo
from trainer.check import examine_origin
from trainer.checks.boxes import marked_again
from trainer.checks.cleaned_files import write_cleaned
from trainer.checks.cleaning import clean
from trainer.data.boxes import Box, OddBox
from trainer.data.origin import Listed

GOOD = (Box(0, (20, 20, 70, 60)), Box(1, (90, 30, 140, 100)))


def pictures() -> list[Listed]:
    odd = {
        "outside": Box(0, (100, 50, 190, 90)), "tiny": Box(0, (10, 10, 13, 14)), "huge": Box(0, (0, 0, 159, 120)),
        "twice": Box(0, (21, 20, 70, 60)), "two labels": Box(1, (20, 20, 70, 60)),
    }  # fmt: skip
    many = [Box(0, (x * 14.0, y * 11.0, x * 14.0 + 12, y * 11.0 + 9)) for x in range(11) for y in range(10)]
    return [
        *(listed(f"good {seed}", photo(seed), boxes=GOOD) for seed in range(12)),
        *(listed(name, photo(20 + at), boxes=(*GOOD, box)) for at, (name, box) in enumerate(odd.items())),
        listed("many", photo(30), boxes=many),
        listed("bare", photo(31), -1),
    ]


def test_each_fault_is_found_and_good_boxes_are_left_in_peace() -> None:
    found = {finding.kind: finding for finding in examined(pictures()).checked.findings}
    assert {kind: (finding.pictures, len(finding.boxes)) for kind, finding in found.items() if finding.boxes} == {
        "boxes-outside": (("outside",), 1), "tiny-boxes": (("tiny",), 1), "huge-boxes": (("huge",), 1),
        "duplicate-boxes": (("twice",), 1), "boxes-of-two-labels": (("two labels",), 1),
    }  # fmt: skip
    assert found["boxes-of-two-labels"].examples == ("two labels: dog, also marked cat, 100% the same box",)
    assert found["crowded"].pictures == ("many",)
    assert found["crowded"].notes == ("110 boxes",)
    assert found["no-boxes"].pictures == ("bare",)


def test_odd_boxes_are_errors_with_their_place() -> None:
    origin = examined(pictures()).seen.origin
    odd = OddBox("good 1", "labels.json, annotations[3]", "its area is zero: 0 x 14 pixels")
    checked = examine_origin(replace(origin, odd_boxes=(odd,))).checked
    finding = next(finding for finding in checked.findings if finding.kind == "odd-boxes")
    assert not checked.ok
    assert finding.pictures == ("good 1",)
    assert finding.notes == ("its area is zero: 0 x 14 pixels (labels.json, annotations[3])",)


def test_boxes_are_counted_by_label_and_split() -> None:
    checked = examined([listed("a", photo(1), split="train", boxes=GOOD), listed("b", photo(2), -1, "test")]).checked
    assert checked.boxes == {"test": {"cat": 0, "dog": 0}, "train": {"cat": 1, "dog": 1}}
    assert checked.splits == checked.boxes
    empty = examined([listed("a", photo(1), split="train", boxes=GOOD)], ("cat", "dog", "fish")).checked.findings
    assert next(finding for finding in empty if finding.kind == "empty-class").examples == ("fish",)


def test_a_box_marks_what_an_earlier_one_marks() -> None:
    boxes = [
        Box(0, (0, 0, 10, 10)),
        Box(0, (0, 0, 10, 10), crowd=True),
        Box(0, (0, 0, 10, 9.5)),
        Box(1, (0, 0, 10, 10)),
    ]
    assert marked_again(boxes, 0.9, same=True) == {2: (0, 0.95)}
    assert marked_again(boxes, 0.96, same=False) == {3: (0, 1.0)}


def test_the_mended_list_is_coco_without_the_boxes_marked_twice(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), photo(1))
    cv2.imwrite(str(tmp_path / "b.png"), photo(2))
    marked = [
        listed(
            "a.png", photo(1), split="train", boxes=(*GOOD, Box(0, (20, 20, 70, 60)), Box(1, (0, 0, 9, 9), crowd=True))
        ),
        listed("b.png", photo(2), -1, "test"),
    ]
    examination = examine_origin(replace(examined(marked).seen.origin, text=str(tmp_path)))
    seen, copies = examination.seen, examination.copies
    (tmp_path / "out").mkdir()
    out = tmp_path / "out" / "instances.json"
    cleaning = clean(seen, copies, examination.checked.findings, relabel=False)
    write_cleaned(seen, cleaning, out, force=False)
    assert sorted(file.name for file in out.parent.iterdir()) == [
        "instances.dropped.csv", "instances_test.json", "instances_train.json",
    ]  # fmt: skip
    sheet = json.loads((out.parent / "instances_train.json").read_text())
    assert sheet["images"] == [{"id": 1, "file_name": "../a.png", "width": 160, "height": 120}]
    assert [each["bbox"] for each in sheet["annotations"]] == [[20, 20, 50, 40], [90, 30, 50, 70], [0, 0, 9, 9]]
    assert [each["iscrowd"] for each in sheet["annotations"]] == [0, 0, 1]
    assert sheet["categories"] == [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    with pytest.raises(ConfigError, match=r"ends in \.json"):
        write_cleaned(seen, cleaning, tmp_path / "cleaned.csv", force=False)
    with pytest.raises(ConfigError, match="labels of boxes"):
        clean(seen, copies, (), relabel=True)
