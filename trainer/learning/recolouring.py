"""Colours exchanged at random, for things that are told by their shape: any hue, none, or the negative.

What a few dozen pictures a class teach first is the colour of the background they happen to share. A shirt stays a
shirt in every colour, so showing it in all of them takes that shortcut away; a ripe tomato does not, so none of this
is on unless somebody says so.
"""

from __future__ import annotations

import math

import tensorflow as tf

from trainer.settings import Augmentation

FULL = 255.0
"""Largest pixel value; pictures are changed before they are normalised."""
_OWN = 1
"""Folded into a batch's seed, so that pictures keep their other changes whether colours are exchanged or not."""


def recoloured(pixels: tf.Tensor, seed: tf.Tensor, how: Augmentation) -> tf.Tensor:
    """`pixels` (N, H, W, C) float32 0..255 with `how`'s hue, greyscale and negative, same shape and range.

    `seed` is (2,) int. Grey pictures (C of 1) have no hue to turn; they can only become negatives.
    """
    if not (how.hue or how.greyscale or how.negative):
        return pixels
    own = tf.random.experimental.stateless_fold_in(seed, _OWN)
    turn, grey, negative = tf.unstack(tf.random.stateless_uniform((tf.shape(pixels)[0], 3), own), axis=1)
    if pixels.shape[3] == 3:
        turned = _about_grey((2.0 * turn - 1.0) * math.pi * how.hue)
        matrices = tf.where((grey < how.greyscale)[:, tf.newaxis, tf.newaxis], tf.fill((3, 3), 1.0 / 3.0), turned)
        pixels = tf.clip_by_value(tf.einsum("nhwc,ndc->nhwd", pixels, matrices), 0.0, FULL)
    return tf.where((negative < how.negative)[:, tf.newaxis, tf.newaxis, tf.newaxis], FULL - pixels, pixels)


def _about_grey(angles: tf.Tensor) -> tf.Tensor:
    """(N,) radians to (N, 3, 3): the rotation of RGB about the axis of greys (Rodrigues), which keeps the mean."""
    cosine, sine = tf.cos(angles), tf.sin(angles) / math.sqrt(3.0)
    rest = (1.0 - cosine) / 3.0
    first = (cosine + rest, rest - sine, rest + sine)
    rows = [tf.stack(first[-row:] + first[:-row], axis=1) for row in range(3)]
    return tf.stack(rows, axis=1)
