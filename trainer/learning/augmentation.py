"""Random changes of training pictures: one resampling for all of geometry, one line of arithmetic for light.

Plain TensorFlow operations fed with a seed of their own for each batch, so that a batch is the same on every run,
whatever thread makes it. A chain of Keras layers would resample once a layer, which blurs and costs.
"""

from __future__ import annotations

import math

import tensorflow as tf

from trainer.learning.recolouring import FULL, recoloured
from trainer.settings import Augmentation

_GEOMETRY, _LIGHT = 7, 2
"""Random numbers a picture takes for each."""


def augment(pixels: tf.Tensor, seed: tf.Tensor, how: Augmentation) -> tf.Tensor:
    """`pixels` (N, H, W, C) float32 0..255, changed as `how` allows, same shape and range; `seed` is (2,) int32."""
    if how == Augmentation():
        return pixels
    pictures, channels = tf.shape(pixels)[0], pixels.shape[3]
    draws = tf.random.stateless_uniform((pictures, _GEOMETRY + _LIGHT + channels), seed, -1.0, 1.0)
    geometry, light, colour = tf.split(draws, (_GEOMETRY, _LIGHT, channels), axis=1)
    pixels = lit_anew(_warped(pixels, tf.unstack(geometry, axis=1), how), light, colour, how)
    return recoloured(pixels, seed, how)


def _warped(pixels: tf.Tensor, draws: list[tf.Tensor], how: Augmentation) -> tf.Tensor:
    """Rotation, zoom, crop, stretch, flip and shift as one affine map, the border pixels continued outwards.

    The map leads from output to input, so a factor below 1 enlarges.
    """
    turn, zoom, crop, stretch, mirror, right, down = draws
    angle = turn * math.radians(how.rotation_degrees)
    scale = tf.exp(zoom * how.zoom - (crop + 1.0) / 2.0 * how.crop)
    wide, high = scale * tf.exp(stretch * how.stretch / 2.0), scale * tf.exp(-stretch * how.stretch / 2.0)
    if how.flip:
        wide *= tf.sign(mirror)
    linear = (tf.cos(angle) * wide, -tf.sin(angle) * high, tf.sin(angle) * wide, tf.cos(angle) * high)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=pixels,
        transforms=about_middle(linear, (right * how.shift, down * how.shift), pixels.shape[2], pixels.shape[1]),
        output_shape=(pixels.shape[1], pixels.shape[2]),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )


def about_middle(
    linear: tuple[tf.Tensor, ...], shift: tuple[tf.Tensor, tf.Tensor], width: int, height: int
) -> tf.Tensor:
    """(N, 8): x' = a x + b y + tx and y' = c x + d y + ty, keeping the middle of the picture but for the shift."""
    a, b, c, d = linear
    x, y = (width - 1) / 2.0, (height - 1) / 2.0
    to_x = x - (a * x + b * y) + shift[0] * width
    to_y = y - (c * x + d * y) + shift[1] * height
    flat = tf.zeros_like(a)
    return tf.stack([a, b, to_x, c, d, to_y, flat, flat], axis=1)


def lit_anew(pixels: tf.Tensor, light: tf.Tensor, colour: tf.Tensor, how: Augmentation) -> tf.Tensor:
    """Contrast about the picture's mean, then brightness, then a tint, cut off at 0 and 255."""
    if not (how.brightness or how.contrast or how.colour):
        return pixels
    brightness, contrast = (draw[:, tf.newaxis, tf.newaxis, tf.newaxis] for draw in tf.unstack(light, axis=1))
    tint = 1.0 + colour[:, tf.newaxis, tf.newaxis, :] * how.colour
    mean = tf.reduce_mean(pixels, axis=(1, 2, 3), keepdims=True)
    lit = (pixels - mean) * tf.exp(contrast * how.contrast) + mean + brightness * how.brightness * FULL
    return tf.clip_by_value(lit * tint, 0.0, FULL)
