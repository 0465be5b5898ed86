"""Batches follow from the seed, hold padded boxes, and stop being mosaics towards the end."""

from __future__ import annotations

import numpy as np

from edge.marked import Marked
from tests.trainer.detection.drawn_boxes import SIZE_WH, drawn_origin
from tests.trainer.tensorflow_marks import WITH_TENSORFLOW
from trainer.detection.dataset import prepare_boxes
from trainer.detection.settings import DetectionSettings
from trainer.settings import Augmentation, DataSettings, InputSettings

pytestmark = WITH_TENSORFLOW
PREP = InputSettings(size_wh=SIZE_WH)
DATA = prepare_boxes(
    drawn_origin([("train", 8), ("validation", 2), ("test", 2)]), PREP, seed=0, settings=DataSettings()
)


def batches(count: int, *, seed: int, mosaics_until: int = 0, first_step: int = 0) -> list[tuple[np.ndarray, ...]]:
    from trainer.detection.feeding import training_batches

    found = training_batches(
        DATA.splits["train"],
        PREP,
        Augmentation(shift=0.1, flip=True, brightness=0.2),
        DetectionSettings(mosaic=1.0),
        batch=4,
        seed=seed,
        threads=2,
        mosaics_until=mosaics_until,
        first_step=first_step,
    )
    return [tuple(part.numpy() for part in batch) for batch in found.take(count)]


def test_the_seed_decides_every_pixel_and_box() -> None:
    one, two, other = batches(3, seed=1), batches(3, seed=1), batches(3, seed=2)
    for left, right in zip(one, two, strict=True):
        for a, b in zip(left, right, strict=True):
            assert np.array_equal(a, b)
    assert not np.array_equal(one[0][0], other[0][0])


def test_an_epoch_shows_every_picture_once() -> None:
    boxes = sum(int((labels >= 0).sum()) for _, _, labels in batches(2, seed=3))
    marked = int(DATA.splits["train"].counts(2).sum())
    assert marked * 0.8 < boxes <= marked  # some are shifted out of sight


def test_a_training_may_begin_at_any_step_with_the_batch_it_would_have_had() -> None:
    late = batches(3, seed=4, mosaics_until=4, first_step=3)
    for one, other in zip(batches(6, seed=4, mosaics_until=4)[3:], late, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_mosaics_end_where_they_should() -> None:
    pixels = [batch[0] for batch in batches(4, seed=5, mosaics_until=2)]
    plain = [batch[0] for batch in batches(4, seed=5, mosaics_until=0)]
    assert [np.array_equal(a, b) for a, b in zip(pixels, plain, strict=True)] == [False, False, True, True]


def test_padding_and_crowds_stand_in_place_of_labels() -> None:
    from trainer.detection.feeding import padded
    from trainer.detection.targets import CROWD, PADDING

    two = Marked(np.ones((2, 4), np.float32), np.array([1, 0]), np.array([False, True]))
    none = Marked(np.empty((0, 4), np.float32), np.empty(0, np.int64), np.empty(0, np.bool_))
    boxes, labels = padded([two, none])
    assert boxes.shape == (2, 2, 4)
    assert labels.tolist() == [[1, CROWD], [PADDING, PADDING]]
    assert padded([none])[1].tolist() == [[PADDING]]
