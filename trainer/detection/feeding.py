"""Batches for a detector: uint8 pictures in memory become changed, normalised ones with their boxes while it trains.

As `trainer.learning.feeding`: everything follows from the seed and the step alone, whichever thread prepares it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from contract.manifest import Preprocessing
from edge.marked import Marked
from trainer.detection.augmentation import augment, packed
from trainer.detection.dataset import Detected
from trainer.detection.settings import DetectionSettings
from trainer.detection.targets import CROWD, PADDING, Truth
from trainer.learning.feeding import normalised, rows, shuffled_batches
from trainer.settings import Augmentation

_AHEAD = 4
"""Batches prepared while one is learnt from."""
_MOST = 256
"""Boxes a picture is taught by; those of a busier mosaic are cut off."""
_SPARE = 1.5
"""Room for a mosaic that is fuller than the fullest picture."""


def training_batches(
    pictures: Detected,
    prep: Preprocessing,
    how: Augmentation,
    more: DetectionSettings,
    *,
    batch: int,
    seed: int,
    threads: int,
    mosaics_until: int,
    first_step: int = 0,
) -> tf.data.Dataset:
    """Endless (pictures (batch, H, W, C) float32, boxes, labels) triples; no mosaics from step `mosaics_until` on.

    They begin with the batch of `first_step`, counted from 0, which is the same whatever step came first.
    """
    boxes, labels = (tf.constant(part) for part in padded(pictures.marked))
    room = min(_MOST, round(labels.shape[1] * _SPARE) + 1)

    def batch_of(step: tf.Tensor, indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        pixels = rows(pictures.frames, indices)
        truth = Truth(tf.gather(boxes, indices), tf.gather(labels, indices))
        mosaic = tf.where(step < mosaics_until, more.mosaic, 0.0)
        pixels, truth = augment(pixels, truth, tf.stack([tf.cast(seed, tf.int64), step]), how, more, mosaic=mosaic)
        return normalised(pixels, prep), *packed(truth, room)

    batches = shuffled_batches(len(pictures), batch=batch, seed=seed, first_step=first_step)
    # There is nothing to convert for AutoGraph, and it takes seconds to find that out.
    batch_of = tf.autograph.experimental.do_not_convert(batch_of)
    return batches.map(batch_of, num_parallel_calls=threads, deterministic=True).prefetch(_AHEAD)


def padded(marked: Sequence[Marked]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Boxes (N, most, 4) and labels (N, most) of N pictures, `PADDING` and `CROWD` in place of a class number."""
    most = max(1, *(len(one) for one in marked))
    boxes = np.zeros((len(marked), most, 4), np.float32)
    labels = np.full((len(marked), most), PADDING, np.int32)
    for row, one in enumerate(marked):
        boxes[row, : len(one)] = one.boxes
        labels[row, : len(one)] = np.where(one.crowd, CROWD, one.labels)
    return boxes, labels
