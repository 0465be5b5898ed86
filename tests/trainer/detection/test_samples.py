"""What a run keeps of marked pictures: all classes, and the boxes of exactly those pictures."""

from __future__ import annotations

import io

import numpy as np

from tests.trainer.detection.drawn_boxes import SIZE_WH, drawn_origin
from trainer.detection.dataset import prepare_boxes
from trainer.detection.samples import packed_boxes, spread_over_boxes
from trainer.settings import DataSettings, InputSettings

DATA = prepare_boxes(
    drawn_origin([("train", 20), ("validation", 3), ("test", 3)]),
    InputSettings(size_wh=SIZE_WH),
    seed=0,
    settings=DataSettings(),
)


def test_all_pictures_are_kept_where_there_is_room() -> None:
    assert spread_over_boxes(DATA.splits["train"], 100).tolist() == list(range(20))


def test_few_pictures_still_show_every_class() -> None:
    chosen = spread_over_boxes(DATA.splits["train"], 2)
    assert len(chosen) == 2
    assert DATA.splits["train"].take(chosen).counts(2).min() >= 1


def test_boxes_stand_beside_their_own_pictures() -> None:
    train = DATA.splits["train"]
    with np.load(io.BytesIO(packed_boxes(train, 8))) as kept:
        assert kept["frames"].shape == (8, SIZE_WH[1], SIZE_WH[0], 3)
        assert (kept["boxes"].dtype, kept["box_labels"].dtype, kept["box_picture"].dtype) == (
            "float32",
            "int64",
            "int64",
        )
        by_frame = {frame.tobytes(): one for frame, one in zip(train.frames, train.marked, strict=True)}
        for number, frame in enumerate(kept["frames"]):
            mine = kept["box_picture"] == number
            assert np.array_equal(kept["boxes"][mine], by_frame[frame.tobytes()].boxes)
            assert np.array_equal(kept["box_labels"][mine], by_frame[frame.tobytes()].labels)
        assert not kept["box_crowd"].any()


def test_equal_pictures_give_equal_bytes() -> None:
    assert packed_boxes(DATA.splits["test"], 9) == packed_boxes(DATA.splits["test"], 9)
