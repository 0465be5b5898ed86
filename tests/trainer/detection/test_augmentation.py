"""Boxes stay on their things whatever happens to the picture."""

from __future__ import annotations

import numpy as np
import pytest

from tests.trainer.tensorflow_marks import WITH_TENSORFLOW
from trainer.detection.settings import DetectionSettings
from trainer.settings import Augmentation

pytestmark = WITH_TENSORFLOW
PLAIN = DetectionSettings(mosaic=0.0)
WIDE = Augmentation(shift=0.2, zoom=0.3, crop=0.3, stretch=0.2, flip=True)


def one_bright_thing(pictures: int) -> tuple[np.ndarray, np.ndarray]:
    """Black pictures with one white rectangle each, and where it is."""
    drawn = np.random.default_rng(1)
    pixels = np.zeros((pictures, 60, 80, 1), np.float32)
    boxes = np.zeros((pictures, 1, 4), np.float32)
    for number in range(pictures):
        left, top = int(drawn.integers(20, 40)), int(drawn.integers(15, 30))
        right, bottom = left + int(drawn.integers(10, 20)), top + int(drawn.integers(8, 16))
        pixels[number, top:bottom, left:right] = 255.0
        boxes[number, 0] = left, top, right, bottom
    return pixels, boxes


def changed(pixels: np.ndarray, boxes: np.ndarray, how: Augmentation, more: DetectionSettings, *, mosaic: float = 0.0):
    import tensorflow as tf

    from trainer.detection.augmentation import augment
    from trainer.detection.targets import Truth

    truth = Truth(tf.constant(boxes), tf.zeros(boxes.shape[:2], tf.int32))
    pixels, truth = augment(tf.constant(pixels), truth, tf.constant([3, 5]), how, more, mosaic=mosaic)
    return pixels.numpy(), truth.boxes.numpy(), truth.labels.numpy()


@pytest.mark.parametrize("upside_down", [False, True])
def test_a_box_still_lies_around_its_thing_to_half_a_pixel(upside_down: bool) -> None:
    pixels, boxes = one_bright_thing(12)
    more = DetectionSettings(mosaic=0.0, upside_down=upside_down)
    warped, moved, labels = changed(pixels, boxes, WIDE, more)
    shown = labels[:, 0] == 0
    assert shown.sum() >= 10
    assert np.abs(moved[:, 0] - boxes[:, 0]).max() > 5.0
    for picture, box in zip(warped[shown], moved[shown][:, 0], strict=True):
        # Not the grey outside: brighter than it.
        rows, columns = np.nonzero(picture[..., 0] > 127.5)
        seen = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert box == pytest.approx(seen, abs=1.01)
        assert abs(np.mean(box - seen)) < 0.5


def test_without_changes_nothing_changes() -> None:
    pixels, boxes = one_bright_thing(3)
    same, moved, labels = changed(pixels, boxes, Augmentation(), PLAIN)
    assert np.array_equal(same, pixels)
    assert moved[labels == 0] == pytest.approx(boxes[:, 0])


def test_a_box_that_is_hardly_left_is_no_longer_marked() -> None:
    import tensorflow as tf

    from trainer.detection.augmentation import within
    from trainer.detection.targets import PADDING, Truth

    truth = Truth(tf.constant([[[-8.0, 0.0, 2.0, 10.0], [-5.0, 0.0, 5.0, 10.0]]]), tf.constant([[1, 1]]))
    cut = within(truth, (0.0, 0.0, 80.0, 60.0))
    assert cut.labels.numpy().tolist() == [[PADDING, 1]]
    assert cut.boxes.numpy()[0, 1].tolist() == [0.0, 0.0, 5.0, 10.0]


def test_a_mosaic_shows_four_pictures_and_the_boxes_of_what_it_shows() -> None:
    levels = np.array([40.0, 80.0, 120.0, 160.0], np.float32)
    pixels = np.broadcast_to(levels[:, None, None, None], (4, 60, 80, 1)).copy()
    corners = np.array([[2, 2, 8, 8], [72, 2, 78, 8], [2, 52, 8, 58], [72, 52, 78, 58]], np.float32)
    mixed, boxes, labels = changed(pixels, np.tile(corners, (4, 1, 1)), Augmentation(), PLAIN, mosaic=1.0)
    for number, picture in enumerate(mixed):
        seen = [picture[y, x, 0] for y, x in ((0, 0), (0, -1), (-1, 0), (-1, -1))]
        assert seen == np.roll(levels, -number).tolist()
        # One box of each: the others are under the other pictures.
        assert sorted(boxes[number][labels[number] == 0].tolist()) == sorted(corners.tolist())


def test_padding_goes_to_the_end() -> None:
    import tensorflow as tf

    from trainer.detection.augmentation import packed
    from trainer.detection.targets import Truth

    boxes = tf.reshape(tf.range(16.0), (1, 4, 4))
    kept = packed(Truth(boxes, tf.constant([[-1, 3, -1, -2]])), 3)
    assert kept.labels.numpy().tolist() == [[3, -2, -1]]
    assert kept.boxes.numpy()[0, 0].tolist() == [4.0, 5.0, 6.0, 7.0]
