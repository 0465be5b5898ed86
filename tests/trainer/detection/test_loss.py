"""The loss against values worked out by hand, and in the direction it must have."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.trainer.tensorflow_marks import WITH_TENSORFLOW

pytestmark = WITH_TENSORFLOW


def test_generalised_overlap_of_boxes_that_touch_and_that_do_not() -> None:
    import tensorflow as tf

    from trainer.detection.loss import generalised_iou

    box = tf.constant([0.0, 0.0, 2.0, 2.0])
    # Shared 1 of 7, in a hull of 9 of which 2 are empty; apart: nothing of 8, in a hull of 2x6.
    assert float(generalised_iou(box, tf.constant([1.0, 1.0, 3.0, 3.0]))) == pytest.approx(1 / 7 - 2 / 9)
    assert float(generalised_iou(box, tf.constant([4.0, 0.0, 6.0, 2.0]))) == pytest.approx(-4 / 12)
    assert float(generalised_iou(box, box)) == pytest.approx(1.0)


def test_a_rare_class_counts_by_the_square_root_of_its_rarity_and_at_most_four_times() -> None:
    from trainer.detection.loss import rarity_weights

    assert rarity_weights(np.array([100, 25, 1, 0]), "auto").tolist() == [1.0, 2.0, 4.0, 4.0]
    assert rarity_weights(np.array([100, 25]), "off").tolist() == [1.0, 1.0]


def loss_of(numbers: np.ndarray, logits: np.ndarray, boxes: list[list[float]], labels: list[int]) -> float:
    import tensorflow as tf

    from trainer.detection.grid import Grid
    from trainer.detection.loss import detection_loss
    from trainer.detection.targets import Truth

    truth = Truth(tf.constant([boxes], tf.float32), tf.constant([labels], tf.int32))
    weights = np.ones(logits.shape[-1], np.float32)
    return float(detection_loss(tf.constant(numbers), tf.constant(logits), truth, Grid((32, 16), 8), weights))


def test_an_empty_picture_costs_what_its_cells_claim() -> None:
    numbers, logits = np.zeros((1, 8, 4), np.float32), np.full((1, 8, 2), -2.0, np.float32)
    expected = 16 * math.log(1 + math.exp(-2.0))  # divided by 1, for nothing is asked for
    assert loss_of(numbers, logits, [[0.0, 0.0, 0.0, 0.0]], [-1]) == pytest.approx(expected, rel=1e-5)


def test_the_right_box_costs_less_than_a_wrong_one_and_a_sure_score_less_than_doubt() -> None:
    truth = [[4.0, 0.0, 20.0, 16.0]]
    numbers = np.zeros((1, 8, 4), np.float32)
    numbers[..., :2], numbers[..., 2:] = 0.5, math.log(2.0)
    sure, doubt = np.full((1, 8, 1), -6.0, np.float32), np.full((1, 8, 1), -6.0, np.float32)
    sure[0, [1, 5]], doubt[0, [1, 5]] = 0.4, -3.0  # the boxes overlap by 0.6, so 0.6 is asked for
    wide = numbers.copy()
    wide[..., 2] = math.log(4.0)
    assert loss_of(numbers, sure, truth, [0]) < loss_of(numbers, doubt, truth, [0])
    assert loss_of(numbers, sure, truth, [0]) < loss_of(wide, sure, truth, [0])


def test_no_gradient_is_lost_or_wild_at_the_start() -> None:
    import tensorflow as tf

    from trainer.detection.grid import Grid
    from trainer.detection.loss import detection_loss
    from trainer.detection.targets import Truth

    numbers, logits = tf.Variable(np.full((1, 8, 4), 30.0, np.float32)), tf.Variable(np.zeros((1, 8, 2), np.float32))
    truth = Truth(tf.constant([[[2.0, 2.0, 12.0, 12.0]]]), tf.constant([[1]]))
    with tf.GradientTape() as tape:
        loss = detection_loss(numbers, logits, truth, Grid((32, 16), 8), np.ones(2, np.float32))
    for gradient in tape.gradient(loss, [numbers, logits]):
        assert np.isfinite(gradient.numpy()).all()
