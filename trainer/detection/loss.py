"""How wrong a detector's answers are: cross-entropy against how well a cell suits its box, and overlap.

Quality-focal in spirit (Li et al., arXiv 2006.04388): a score is asked to be the overlap its box reaches. Boxes are
drawn by generalised intersection over union (Rezatofighi et al., arXiv 1902.09630), which still pulls where they do
not touch. Both are divided by the sum of what is asked for, as TOOD does, so that a full picture counts no more than
an empty one.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from trainer.detection.box_numbers import boxes_of
from trainer.detection.grid import Grid
from trainer.detection.targets import Truth, areas, targets

BOX_WEIGHT = 5.0
"""Of the overlap beside the scores: twice PP-YOLOE's, a third of YOLOv8's."""
_MOST_WEIGHT = 4.0
_TINY = 1e-7


def detection_loss(
    numbers: tf.Tensor, logits: tf.Tensor, truth: Truth, grid: Grid, weights: NDArray[np.float32]
) -> tf.Tensor:
    """The scalar to make small, for box `numbers` (N, cells, 4) and score `logits` (N, cells, classes).

    `weights` (classes,) say what a thing of each class counts.
    """
    boxes = boxes_of(numbers, grid)
    wanted = targets(
        truth, tf.stop_gradient(boxes), tf.stop_gradient(tf.sigmoid(logits)), grid.centres(), float(grid.stride)
    )
    whole = tf.maximum(tf.reduce_sum(wanted.scores * weights), 1.0)
    entropy = tf.nn.sigmoid_cross_entropy_with_logits(wanted.scores, logits) * wanted.counted[..., tf.newaxis]
    entropy *= tf.where(wanted.scores > 0.0, weights, 1.0)
    apart = (1.0 - generalised_iou(boxes, wanted.boxes)) * tf.reduce_sum(wanted.scores * weights, axis=-1)
    return (tf.reduce_sum(entropy) + BOX_WEIGHT * tf.reduce_sum(apart)) / whole


def rarity_weights(counts: NDArray[np.int64], rule: str) -> NDArray[np.float32]:
    """What a thing of each class counts, from how many boxes it has: 1 for the most frequent, rare ones more.

    The square root of the rarity, since a rare class in full proportion would be learnt by heart, and at most 4.
    """
    if rule == "off":
        return np.ones(len(counts), np.float32)
    rarity: NDArray[np.float64] = counts.max() / np.maximum(counts, 1)
    return np.minimum(np.sqrt(rarity), _MOST_WEIGHT).astype(np.float32)


def generalised_iou(boxes: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """-1..1, box by box, of (..., 4) and (..., 4): intersection over union less the share of the hull that is empty."""
    sides = tf.minimum(boxes[..., 2:], others[..., 2:]) - tf.maximum(boxes[..., :2], others[..., :2])
    shared = tf.reduce_prod(tf.maximum(sides, 0.0), axis=-1)
    together = areas(boxes) + areas(others) - shared
    hull_sides = tf.maximum(boxes[..., 2:], others[..., 2:]) - tf.minimum(boxes[..., :2], others[..., :2])
    hull = tf.maximum(tf.reduce_prod(hull_sides, axis=-1), _TINY)
    return shared / tf.maximum(together, _TINY) - (hull - together) / hull
