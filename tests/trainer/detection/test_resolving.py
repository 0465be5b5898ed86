"""What a detector's training decides where nobody says."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from contract.errors import ConfigError
from contract.run import Settings
from edge.marked import Marked
from tests.trainer.detection.drawn_boxes import SIZE_WH, drawn_origin
from trainer.detection.dataset import Detected, prepare_boxes
from trainer.detection.decoding import decoding_of
from trainer.detection.grid import Grid
from trainer.detection.picture_size import size_of_shape, suited_preprocessing
from trainer.detection.resolving import grid_of, more_of, resolve_detector, suited_stride
from trainer.settings import Augmentation, DataSettings, InputSettings, TrainConfig, parse_resolved, to_toml


def train_of(sides: list[list[float]]) -> Detected:
    """A picture for each class, with squares of these sides."""
    marked = tuple(
        Marked(
            np.array([[0, 0, side, side] for side in one], np.float32),
            np.full(len(one), label, np.int64),
            np.zeros(len(one), np.bool_),
        )
        for label, one in enumerate(sides)
    )
    return Detected(np.zeros((len(sides), 8, 8, 3), np.uint8), marked, ("a",) * 2, ("b",) * 2, ((8, 8),) * 2)


def test_the_stride_follows_the_smallest_class() -> None:
    assert suited_stride(train_of([[50.0] * 9, [13.0] * 9]).marked, 2) == 8
    assert suited_stride(train_of([[50.0] * 90, [10.0] * 2]).marked, 2) == 4
    assert suited_stride(train_of([[50.0] * 90 + [4.0], [40.0]]).marked, 2) == 8  # one tiny box in ninety is no reason


def test_the_settled_file_reads_back_and_trains_the_same_again() -> None:
    prep = InputSettings(size_wh=SIZE_WH)
    origin = drawn_origin([("train", 12), ("validation", 3), ("test", 3)])
    data = prepare_boxes(origin, prep, seed=0, settings=DataSettings())
    config = TrainConfig(task="detect", seed=4)
    settled = resolve_detector(config, name="things", prep=prep, train=data.splits["train"], classes=2)
    assert grid_of(settled) == Grid(SIZE_WH, 8)
    whole = msgspec.structs.replace(settled, decoding=decoding_of(grid_of(settled), more_of(settled)))
    written = to_toml(whole)
    assert parse_resolved(written, where="train.toml") == whole
    assert msgspec.toml.decode(written, type=Settings).decoding == whole.decoding
    again = msgspec.toml.decode(written, type=TrainConfig)
    assert resolve_detector(again, name="other", prep=prep, train=data.splits["train"], classes=2) == settled


def test_pictures_of_boxes_are_never_turned() -> None:
    config = TrainConfig(task="detect", augmentation=Augmentation(rotation_degrees=5.0))
    with pytest.raises(ConfigError, match="cannot be turned"):
        resolve_detector(
            config, name="a", prep=InputSettings(size_wh=SIZE_WH), train=train_of([[9.0], [9.0]]), classes=2
        )


@pytest.mark.parametrize(
    ("shape", "size_wh"), [(4 / 3, (320, 240)), (16 / 9, (368, 208)), (1.0, (272, 272)), (3 / 4, (240, 320))]
)
def test_the_picture_has_the_shape_of_the_pictures(shape: float, size_wh: tuple[int, int]) -> None:
    assert size_of_shape(shape) == size_wh


def test_the_shape_is_looked_up_in_the_pictures() -> None:
    prep = suited_preprocessing(drawn_origin([("train", 30)]))
    assert (prep.size_wh, prep.resize) == ((320, 240), "letterbox")
