"""What a detector's four numbers a cell mean, while it learns.

A box is YOLOX's (Ge et al., arXiv 2107.08430): centre = (number + cell) * stride, size = exp(number) * stride, which
`edge/decoders/detect_grid.py` undoes. Of the encodings the device reads it is the one for int8: its numbers are all of
the same size, whether the thing is 10 pixels large or 300, where corners share one scale of pixels.
"""

from __future__ import annotations

import tensorflow as tf

from trainer.detection.grid import Grid

_LARGEST_LOG = 6.0
"""exp of more is larger than any picture here; cut off so that a wild first step stays finite."""


def boxes_of(numbers: tf.Tensor, grid: Grid) -> tf.Tensor:
    """(N, cells, 4) left, top, right, bottom in pixels from the network's `numbers` of the same shape."""
    middle = (numbers[..., :2] + grid.corners()) * float(grid.stride)
    half = tf.exp(tf.minimum(numbers[..., 2:], _LARGEST_LOG)) * (grid.stride / 2.0)
    return tf.concat([middle - half, middle + half], axis=-1)
