"""Random changes of marked pictures: one resampling for geometry with the boxes taken along, light, and mosaics.

Boxes stay upright, so nothing is turned: zoom, crop, stretch, shift and mirroring only. A mosaic puts four pictures of
the batch into the four corners around a random point (YOLOv4, Bochkovskiy et al., arXiv 2004.10934, here without
shrinking them): things meet that never met, and are cut as they are at a picture's edge.
"""

from __future__ import annotations

import tensorflow as tf

from trainer.detection.settings import DetectionSettings
from trainer.detection.targets import PADDING, Truth, areas
from trainer.learning.augmentation import about_middle, lit_anew
from trainer.learning.recolouring import recoloured
from trainer.settings import Augmentation

_GEOMETRY, _LIGHT, _MOSAIC = 7, 2, 3
"""Random numbers a picture takes for each."""
SEEN = 0.3
"""A box of which less than this share is left in the picture is no longer marked."""
_OUTSIDE = 114.0
"""The grey of a letterbox: continued edges would show things that nobody marked."""
_MARGIN = 0.2
"""The middle of a mosaic keeps this share of the picture away from its edges."""


def augment(
    pixels: tf.Tensor,
    truth: Truth,
    seed: tf.Tensor,
    how: Augmentation,
    more: DetectionSettings,
    *,
    mosaic: tf.Tensor | float,
) -> tuple[tf.Tensor, Truth]:
    """`pixels` (N, H, W, C) float32 0..255 and what is marked in them, changed as `how` allows; `seed` is (2,) int.

    Each picture becomes a mosaic with the probability `mosaic`, 0..1; then there are four times as many boxes.
    """
    pictures, channels = tf.shape(pixels)[0], pixels.shape[3]
    draws = tf.random.stateless_uniform((pictures, _GEOMETRY + _LIGHT + channels + _MOSAIC), seed, -1.0, 1.0)
    geometry, light, colour, middle = tf.split(draws, (_GEOMETRY, _LIGHT, channels, _MOSAIC), axis=1)
    pixels, truth = _warped(pixels, truth, tf.unstack(geometry, axis=1), how, more.upside_down)
    pixels = recoloured(lit_anew(pixels, light, colour, how), seed, how)
    return _mosaics(pixels, truth, middle, tf.cast(mosaic, tf.float32))


def _warped(
    pixels: tf.Tensor, truth: Truth, draws: list[tf.Tensor], how: Augmentation, upside_down: bool
) -> tuple[tf.Tensor, Truth]:
    """The map leads from output to input as in `trainer.learning.augmentation`, so boxes go its way back."""
    mirror_down, zoom, crop, stretch, mirror, right, down = draws
    scale = tf.exp(zoom * how.zoom - (crop + 1.0) / 2.0 * how.crop)
    wide, high = scale * tf.exp(stretch * how.stretch / 2.0), scale * tf.exp(-stretch * how.stretch / 2.0)
    if how.flip:
        wide *= tf.sign(mirror)
    if upside_down:
        high *= tf.sign(mirror_down)
    rows, columns = pixels.shape[1], pixels.shape[2]
    flat = tf.zeros_like(wide)
    maps = about_middle((wide, flat, flat, high), (right * how.shift, down * how.shift), columns, rows)
    warped = tf.raw_ops.ImageProjectiveTransformV3(
        images=pixels,
        transforms=maps,
        output_shape=(rows, columns),
        fill_value=_OUTSIDE,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
    return warped, within(_moved(truth, maps), (0.0, 0.0, float(columns), float(rows)))


def _moved(truth: Truth, maps: tf.Tensor) -> Truth:
    """The boxes of pictures that `maps` (N, 8) lead back from: x = (x' - tx) / a, of edges half a pixel outside."""
    scale = tf.gather(maps, (0, 4), axis=1)[:, tf.newaxis]
    offset = tf.gather(maps, (2, 5), axis=1)[:, tf.newaxis]
    ends = [(truth.boxes[..., part] - 0.5 - offset) / scale + 0.5 for part in (slice(0, 2), slice(2, 4))]
    return Truth(tf.concat([tf.minimum(*ends), tf.maximum(*ends)], axis=-1), truth.labels)


def within(truth: Truth, window: tuple[tf.Tensor | float, ...]) -> Truth:
    """Boxes cut to `window` (left, top, right, bottom, each a number or (N, 1)); those hardly seen become padding."""
    left, top, right, bottom = window
    x1, y1, x2, y2 = tf.unstack(truth.boxes, axis=-1)
    cut = tf.stack(
        [
            tf.clip_by_value(x1, left, right),
            tf.clip_by_value(y1, top, bottom),
            tf.clip_by_value(x2, left, right),
            tf.clip_by_value(y2, top, bottom),
        ],
        axis=-1,
    )
    sides = cut[..., 2:] - cut[..., :2]
    seen = (areas(cut) >= SEEN * areas(truth.boxes)) & (tf.reduce_min(sides, axis=-1) >= 1.0)
    return Truth(cut, tf.where(seen, truth.labels, PADDING))


def _mosaics(pixels: tf.Tensor, truth: Truth, draws: tf.Tensor, share: tf.Tensor) -> tuple[tf.Tensor, Truth]:
    """Picture i keeps its top left; its three successors in the batch fill the other corners."""
    rows, columns = pixels.shape[1], pixels.shape[2]
    x, y, whether = tf.unstack((draws + 1.0) / 2.0, axis=1)
    mixed = whether < share
    x = tf.where(mixed, tf.round((_MARGIN + (1.0 - 2.0 * _MARGIN) * x) * columns), float(columns))[:, tf.newaxis]
    y = tf.where(mixed, tf.round((_MARGIN + (1.0 - 2.0 * _MARGIN) * y) * rows), float(rows))[:, tf.newaxis]
    is_right = (tf.range(columns, dtype=tf.float32) >= x)[:, tf.newaxis, :, tf.newaxis]
    is_low = (tf.range(rows, dtype=tf.float32) >= y)[:, :, tf.newaxis, tf.newaxis]
    others = [tf.roll(pixels, -turn, axis=0) for turn in range(4)]
    upper = tf.where(is_right, others[1], others[0])
    lower = tf.where(is_right, others[3], others[2])
    right, low = float(columns), float(rows)
    windows = ((0.0, 0.0, x, y), (x, 0.0, right, y), (0.0, y, x, low), (x, y, right, low))
    parts = [
        within(Truth(*(tf.roll(part, -turn, axis=0) for part in truth)), window) for turn, window in enumerate(windows)
    ]
    joined = Truth(
        tf.concat([part.boxes for part in parts], axis=1), tf.concat([part.labels for part in parts], axis=1)
    )
    return tf.where(is_low, lower, upper), joined


def packed(truth: Truth, boxes: int) -> Truth:
    """The same with padding moved to the end and cut off after `boxes`, which the busiest mosaic may exceed."""
    order = tf.argsort(tf.cast(truth.labels == PADDING, tf.int32), axis=1, stable=True)[:, :boxes]
    return Truth(tf.gather(truth.boxes, order, batch_dims=1), tf.gather(truth.labels, order, batch_dims=1))
