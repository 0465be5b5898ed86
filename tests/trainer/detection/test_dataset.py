"""Boxes go where their pictures go, and pictures with boxes are split like any others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from contract.errors import DataError
from contract.manifest import Preprocessing
from edge.placement import placement
from tests.trainer.detection.drawn_boxes import SIZE_WH, drawn_origin
from trainer.data.boxes import Box, OddBox
from trainer.detection.dataset import marked_in, prepare_boxes
from trainer.settings import DataSettings, InputSettings

PREP = InputSettings(size_wh=SIZE_WH, resize="letterbox")


def test_a_letterbox_moves_boxes_into_its_middle() -> None:
    # 640x480 into 320x320: halved, 40 rows of padding above.
    prep = Preprocessing(size_wh=(320, 320), resize="letterbox")
    marked = marked_in([Box(1, (100.0, 200.0, 300.0, 240.0))], (640, 480), prep)
    assert marked.boxes.tolist() == [[50.0, 140.0, 150.0, 160.0]]
    assert marked.labels.tolist() == [1]


def test_a_crop_cuts_boxes_and_drops_those_it_leaves_little_of() -> None:
    # The middle 480x480 of 640x480, at half size: 80 columns go on either side.
    prep = Preprocessing(size_wh=(240, 240), resize="crop")
    boxes = [Box(0, (0.0, 0.0, 90.0, 50.0)), Box(0, (60.0, 0.0, 120.0, 50.0)), Box(1, (0.0, 0.0, 70.0, 50.0))]
    assert marked_in(boxes, (640, 480), prep).boxes.tolist() == [[0.0, 0.0, 20.0, 25.0]]


@pytest.mark.parametrize("resize", ["stretch", "letterbox", "crop"])
def test_the_decoder_brings_a_box_back_to_where_it_was(resize: str) -> None:
    prep = Preprocessing(size_wh=(320, 256), resize=resize)  # type: ignore[arg-type]
    given = (210.0, 110.0, 330.0, 260.0)
    left, top, right, bottom = marked_in([Box(0, given)], (640, 400), prep).boxes[0].tolist()
    place = placement((640, 400), prep)
    assert (*place.to_frame(left, top), *place.to_frame(right, bottom)) == pytest.approx(given, abs=1e-3)


def test_given_splits_are_kept_and_counted_in_boxes() -> None:
    origin = drawn_origin([("train", 12), ("validation", 4), ("test", 5)], odd=(OddBox("a.png", "a.xml", "no area"),))
    data = prepare_boxes(origin, PREP, seed=3, settings=DataSettings())
    assert {name: len(part) for name, part in data.splits.items()} == {"train": 12, "validation": 4, "test": 5}
    for name, part in data.splits.items():
        labels = np.concatenate([one.labels for one in part.marked])
        assert data.record.boxes[name] == {"disc": (labels == 0).sum(), "square": (labels == 1).sum()}
    assert data.record.odd_boxes == ("a.png, a.xml: no area",)
    assert data.record.splits["train"].classes["disc"] == sum(0 in one.labels for one in data.splits["train"].marked)


def test_without_splits_the_seed_draws_them_and_pictures_without_boxes_go_along() -> None:
    origin = drawn_origin([(None, 60)])
    empty = tuple(
        replace(one, boxes=(), label=-1) if number < 15 else one for number, one in enumerate(origin.pictures)
    )
    origin = replace(origin, pictures=empty)
    once = prepare_boxes(origin, PREP, seed=3, settings=DataSettings())
    again = prepare_boxes(origin, PREP, seed=3, settings=DataSettings())
    other = prepare_boxes(origin, PREP, seed=4, settings=DataSettings())
    assert once.splits["test"].names == again.splits["test"].names != other.splits["test"].names
    assert {name: len(part) for name, part in once.splits.items()} == {"train": 43, "validation": 5, "test": 12}
    assert sum(not len(one) for one in once.splits["test"].marked) == 3  # a fifth of the fifteen


def test_moving_a_box_changes_the_digest_of_the_data() -> None:
    origin = drawn_origin([("train", 6), ("validation", 2), ("test", 2)])
    first = origin.pictures[0]
    x1, y1, x2, y2 = first.boxes[0].xyxy_px
    moved = replace(first, boxes=(Box(first.boxes[0].label, (x1, y1, x2 - 2, y2)), *first.boxes[1:]))
    digests = {
        prepare_boxes(one, PREP, seed=0, settings=DataSettings()).record.digest
        for one in (origin, replace(origin, pictures=(moved, *origin.pictures[1:])))
    }
    assert len(digests) == 2


def test_pictures_without_any_box_are_refused_in_one_sentence() -> None:
    origin = drawn_origin([(None, 5)])
    bare = replace(origin, pictures=tuple(replace(one, boxes=()) for one in origin.pictures))
    with pytest.raises(DataError, match=r"no box is marked in any picture .* --task classify"):
        prepare_boxes(bare, PREP, seed=0, settings=DataSettings())


def test_a_class_without_a_training_box_is_named() -> None:
    origin = drawn_origin([("train", 8), ("validation", 3), ("test", 3)])
    alone = tuple(
        replace(one, boxes=tuple(box for box in one.boxes if box.label == 0 or one.split != "train"))
        for one in origin.pictures
    )
    with pytest.raises(DataError, match="no training box of square"):
        prepare_boxes(replace(origin, pictures=alone), PREP, seed=0, settings=DataSettings())
