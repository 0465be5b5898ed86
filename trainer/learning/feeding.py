"""Batches for the network: uint8 pictures in memory become changed, normalised float batches while it trains.

Order, changes and batches follow from the seed and the step alone, so they are the same on every run, whichever
thread prepares them. Pictures are gathered by index: that is cheaper than slicing a dataset picture by picture.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from contract.manifest import Preprocessing
from trainer.data.dataset import Pictures
from trainer.learning.augmentation import augment
from trainer.settings import Augmentation

_AHEAD = 4
"""Batches prepared while one is learnt from."""
_IMBALANCE = 1.5
"""Largest class over smallest from which pictures of rare classes weigh more."""


def training_batches(
    pictures: Pictures,
    classes: int,
    prep: Preprocessing,
    how: Augmentation,
    *,
    batch: int,
    seed: int,
    weights: NDArray[np.float32],
    threads: int,
    first_step: int = 0,
) -> tf.data.Dataset:
    """Endless (pictures (batch, H, W, C) float32, one-hot targets, weights) triples, shuffled anew each pass.

    They begin with the batch of `first_step`, counted from 0, which is the same whatever step came first.
    """
    frames, labels = pictures.frames, tf.constant(pictures.labels)
    by_class = tf.constant(weights)

    def batch_of(step: tf.Tensor, indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        pixels = rows(frames, indices)
        pixels = augment(pixels, tf.stack([tf.cast(seed, tf.int64), step]), how)
        picked = tf.gather(labels, indices)
        return normalised(pixels, prep), tf.one_hot(picked, classes), tf.gather(by_class, picked)

    batches = shuffled_batches(len(pictures), batch=batch, seed=seed, first_step=first_step)
    return batches.map(batch_of, num_parallel_calls=threads, deterministic=True).prefetch(_AHEAD)


def shuffled_batches(count: int, *, batch: int, seed: int, first_step: int) -> tf.data.Dataset:
    """(step, indices (batch,)) pairs without end, from `first_step` on: each index below `count` once a pass."""
    order = _order(count, seed, first_step * batch)
    return order.rebatch(batch, drop_remainder=True).enumerate(first_step)


def _order(count: int, seed: int, start: int) -> tf.data.Dataset:
    """Every index below `count` once a pass, a vector for each pass without end, the first from the `start`th shown."""
    first, offset = divmod(start, count)

    def shuffled(number: tf.Tensor) -> tf.Tensor:
        own = tf.stack([tf.constant(seed, tf.int64), -1 - number])  # changes of pictures use numbers from 0
        order = tf.random.experimental.stateless_shuffle(tf.range(count, dtype=tf.int64), seed=own)
        return order[tf.where(number == first, tf.constant(offset), tf.constant(0)) :]

    return tf.data.Dataset.range(first, np.iinfo(np.int64).max).map(shuffled)


def still_batches(pictures: Pictures, classes: int, prep: Preprocessing, *, batch: int) -> tf.data.Dataset:
    """(pictures, one-hot targets) once through, in order and unchanged: for validation."""
    frames, labels = pictures.frames, tf.constant(pictures.labels)

    def batch_of(indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        pixels = rows(frames, indices)
        return normalised(pixels, prep), tf.one_hot(tf.gather(labels, indices), classes)

    return tf.data.Dataset.range(len(pictures)).batch(batch).map(batch_of).prefetch(1)


def rows(frames: NDArray[np.uint8], indices: tf.Tensor) -> tf.Tensor:
    """`frames[indices]` as float32, taken by NumPy from the array as it lies, in memory or on disk.

    A tensor of all pictures would be a second copy of them, and a third while TensorFlow rewrites the pipeline,
    which it does whenever its operations have to be deterministic (measured).
    """
    taken = tf.numpy_function(lambda which: frames[which], [indices], tf.uint8, stateful=False)
    taken.set_shape((indices.shape[0], *frames.shape[1:]))
    return tf.cast(taken, tf.float32)


def normalised(pixels: tf.Tensor, prep: Preprocessing) -> tf.Tensor:
    """(pixel - mean) / std as `edge.preprocess.real_values` has it, for pixels that are floats after augmentation."""
    return (pixels - tf.constant(prep.mean, tf.float32)) / tf.constant(prep.std, tf.float32)


def class_weights(labels: NDArray[np.int64], classes: int, rule: str) -> NDArray[np.float32]:
    """What a picture of each class counts, (classes,): 1 each, or by rarity with a mean of 1 over the pictures."""
    counts = np.bincount(labels, minlength=classes)
    if rule == "off" or counts.max() <= _IMBALANCE * counts.min():
        return np.ones(classes, np.float32)
    return (len(labels) / (classes * counts)).astype(np.float32)
