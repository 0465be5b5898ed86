"""Which cells answer for which marked box: task-aligned assignment, anew at each step.

TOOD (Feng et al., arXiv 2108.07755) as PP-YOLOE and YOLOv8 use it: of the cells whose middle lies in a box those few
answer for it whose score and box already suit it best, so that the surest answers become the best placed ones, which
is what mAP at high overlaps asks for.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

PADDING, CROWD = -1, -2
"""In place of a class number: no box at all, and a region where nothing is learnt."""
CELLS_A_BOX = 10
_SCORE_POWER, _IOU_POWER = 0.5, 6.0
"""alpha and beta of the alignment metric, as YOLOv8 sets them."""
_TINY = 1e-9


class Truth(NamedTuple):
    """What is marked in a batch of pictures, padded to as many boxes each."""

    boxes: tf.Tensor
    """(N, boxes, 4) float32 left, top, right, bottom in pixels of the model's picture."""
    labels: tf.Tensor
    """(N, boxes) int32 class numbers, or `PADDING`, or `CROWD`."""


class Targets(NamedTuple):
    """What each cell is asked to say."""

    boxes: tf.Tensor
    """(N, cells, 4) of the box it answers for; anything where it answers for none."""
    scores: tf.Tensor
    """(N, cells, classes): how well a cell suits its box, 0..1, in its class, and 0 elsewhere."""
    counted: tf.Tensor
    """(N, cells) float32: 0 in a crowd's region, 1 elsewhere."""


def targets(truth: Truth, boxes: tf.Tensor, scores: tf.Tensor, centres: tf.Tensor, stride: float) -> Targets:
    """For the present `boxes` (N, cells, 4) in pixels and `scores` (N, cells, classes) 0..1; `centres` (cells, 2)."""
    real = truth.labels >= 0
    iou = pairwise_iou(truth.boxes, boxes)
    of_class = tf.one_hot(truth.labels, scores.shape[-1])  # zeros for padding and crowds
    likely = tf.einsum("ngc,nkc->ngk", of_class, scores)
    near = _near(truth.boxes, centres, stride) & real[..., tf.newaxis]
    suits = tf.where(near, likely**_SCORE_POWER * iou**_IOU_POWER, 0.0)
    chosen = _chosen(suits, near, iou)
    suits *= chosen
    best = tf.reduce_max(suits, axis=-1, keepdims=True)
    best_iou = tf.reduce_max(iou * chosen, axis=-1, keepdims=True)
    worth = tf.reduce_max(tf.math.divide_no_nan(suits * best_iou, best), axis=1)
    owner = tf.argmax(chosen, axis=1, output_type=tf.int32)
    owned = tf.reduce_max(chosen, axis=1)
    wanted = tf.gather(of_class, owner, batch_dims=1) * (worth * owned)[..., tf.newaxis]
    crowded = tf.reduce_any(_inside(truth.boxes, centres) & (truth.labels == CROWD)[..., tf.newaxis], axis=1)
    counted = tf.cast(~crowded | (owned > 0), tf.float32)
    found = Targets(tf.gather(truth.boxes, owner, batch_dims=1), wanted, counted)
    return Targets(*(tf.stop_gradient(part) for part in found))


def _chosen(suits: tf.Tensor, near: tf.Tensor, iou: tf.Tensor) -> tf.Tensor:
    """(N, boxes, cells) 1 where a cell answers for a box: each box's best few, and no cell for two of them."""
    cells = suits.shape[-1]
    _, best = tf.math.top_k(tf.where(near, suits + _TINY, 0.0), min(CELLS_A_BOX, cells))
    chosen = tf.reduce_max(tf.one_hot(best, cells), axis=-2) * tf.cast(near, tf.float32)
    nearest = tf.one_hot(
        tf.argmax(tf.where(chosen > 0, iou, -1.0), axis=1), suits.shape[1] or tf.shape(suits)[1], axis=1
    )
    return chosen * nearest


def _near(boxes: tf.Tensor, centres: tf.Tensor, stride: float) -> tf.Tensor:
    """(N, boxes, cells): the middle of the cell is in the box, or under a cell away from the box's own middle.

    The second clause gives a box smaller than a cell somebody to answer for it.
    """
    middle = (boxes[..., tf.newaxis, :2] + boxes[..., tf.newaxis, 2:]) / 2.0
    away = tf.reduce_max(tf.abs(centres - middle), axis=-1)
    return _inside(boxes, centres) | (away < stride * 0.75)


def _inside(boxes: tf.Tensor, centres: tf.Tensor) -> tf.Tensor:
    edges = tf.concat([centres - boxes[..., tf.newaxis, :2], boxes[..., tf.newaxis, 2:] - centres], axis=-1)
    return tf.reduce_min(edges, axis=-1) > 0.0


def pairwise_iou(boxes: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """(N, G, K) intersection over union of boxes (N, G, 4) and (N, K, 4)."""
    left, right = boxes[:, :, tf.newaxis], others[:, tf.newaxis]
    sides = tf.minimum(left[..., 2:], right[..., 2:]) - tf.maximum(left[..., :2], right[..., :2])
    shared = tf.reduce_prod(tf.maximum(sides, 0.0), axis=-1)
    together = areas(left) + areas(right) - shared
    return shared / tf.maximum(together, _TINY)


def areas(boxes: tf.Tensor) -> tf.Tensor:
    """Of boxes (..., 4)."""
    return tf.reduce_prod(tf.maximum(boxes[..., 2:] - boxes[..., :2], 0.0), axis=-1)
