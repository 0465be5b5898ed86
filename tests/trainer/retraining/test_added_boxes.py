"""Only boxes a person has looked at are added; what a model guessed is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contract.errors import DataError
from contract.result import Detection
from tests.trainer.detection.drawn_boxes import drawn_on_disk
from tests.trainer.drawn_pictures import draw
from tests.trainer.kept_pictures import keep
from trainer.retraining.added_boxes import open_added_boxes
from trainer.retraining.labelling import label_folder

BASE = ("cat", "dog")
Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures of two days: a dog, a dog that stands a little out of the picture, and nothing."""
    dog = Detection(index=1, label="dog", score=0.4, box_xyxy_px=(2.0, 3.0, 12.0, 20.51))
    beyond = Detection(index=1, label="dog", score=0.3, box_xyxy_px=(20.0, 3.0, 33.0, 20.0))
    keep(tmp_path / "cam-1", 1, boxes=[dog])
    keep(tmp_path / "cam-1", 2, boxes=[beyond], day="20260715")
    keep(tmp_path / "cam-1", 3, boxes=[])
    label_folder([tmp_path / "cam-1"], tmp_path / "out", None)
    return tmp_path / "out"


def changed(folder: Path, change: Change, name: str = "annotations.json") -> Path:
    sheet = json.loads((folder / "annotations.json").read_bytes())
    change(sheet)
    file = folder / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(sheet))
    return file


def rounded(sheet: dict[str, Any]) -> None:
    """What an annotation program makes of it that nobody used: other digits, no scores, its own words."""
    sheet["info"] = {"contributor": "", "description": "exported"}
    for box in sheet["annotations"]:
        box["bbox"] = [round(side) + 0.01 for side in box["bbox"]]
        del box["score"]


def test_guesses_nobody_touched_are_refused_however_they_are_named(folder: Path) -> None:
    for text in (folder, folder / "annotations.json", changed(folder, rounded, "annotations/instances_default.json")):
        with pytest.raises(DataError, match="a model's guesses"):
            open_added_boxes(str(text), BASE)


@pytest.mark.parametrize(
    "change",
    [
        lambda sheet: sheet["annotations"][0]["bbox"].__setitem__(0, 3.5),
        lambda sheet: sheet["annotations"].pop(),
        lambda sheet: (
            sheet["annotations"][0].update(category_id=2) or sheet["categories"].append({"id": 2, "name": "owl"})
        ),
        lambda sheet: sheet["annotations"].append({**sheet["annotations"][0], "id": 9, "image_id": 3}),
    ],
    ids=["moved", "taken away", "named otherwise", "added"],
)
def test_one_box_a_person_changed_is_a_look_at_all(folder: Path, change: Change) -> None:
    changed(folder, change)
    added = open_added_boxes(str(folder), BASE)
    assert (len(added.origin.pictures), added.as_guessed, added.unlabelled) == (3, 2, ())
    assert {one.group for one in added.origin.pictures} == {"cam-1 2026-07-14", "cam-1 2026-07-15"}
    assert added.origin.pictures[0].columns == {"device": "cam-1", "why": "unsure"}


def test_a_person_can_say_that_all_guesses_are_right(folder: Path) -> None:
    changed(folder, lambda sheet: sheet["info"].update(reviewed_by="M. Moss"))
    assert open_added_boxes(str(folder), BASE).as_guessed == 3


def test_what_was_exported_beside_the_guesses_counts(folder: Path) -> None:
    changed(folder, lambda sheet: sheet["annotations"].pop(0), "annotations/instances_default.json")
    assert open_added_boxes(str(folder), BASE).as_guessed == 2


def test_pictures_that_were_taken_out_are_told(folder: Path) -> None:
    changed(folder, lambda sheet: sheet["images"].pop(1))
    with pytest.raises(DataError, match="a model's guesses"):
        open_added_boxes(str(folder), BASE)
    changed(folder, lambda sheet: sheet["annotations"].pop())
    assert len(open_added_boxes(str(folder), BASE).unlabelled) == 1


def test_classes_go_by_their_names_and_new_ones_come_last(tmp_path: Path) -> None:
    table = drawn_on_disk(tmp_path, [("train", 4), (None, 2)])
    added = open_added_boxes(str(table), ("square", "ring"))
    assert added.origin.labels == ("square", "ring", "disc")
    assert {added.origin.labels[box.label] for one in added.origin.pictures for box in one.boxes} == {"square", "disc"}
    assert {one.split for one in added.origin.pictures} == {None}


def test_pictures_without_boxes_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no boxes are marked"):
        open_added_boxes(str(draw(tmp_path, {"dog": 2})), BASE)


def test_guesses_that_cannot_be_read_are_one_sentence(folder: Path) -> None:
    (folder / "guesses.json").write_text("{")
    with pytest.raises(DataError, match="guesses cannot be read"):
        open_added_boxes(str(folder), BASE)
