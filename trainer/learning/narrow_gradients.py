"""Gradients of narrow 1x1 convolutions with strides, which oneDNN computes beyond the end of its memory.

With fewer channels than a vector register holds numbers (16 with AVX-512, 8 with AVX2), oneDNN gathers the pixels such
a convolution looks at in a workspace that is too small, and writes past it: wrong gradients, or the end of the process
(https://github.com/uxlfoundation/oneDNN/issues/6035; docs/training.md has what was seen). Here those pixels are picked
out first, and what remains is a product of matrices.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

_REGISTER = 16
"""Numbers (float32) in the widest vector register there is."""
_as_keras = keras.layers.Conv2D.convolution_op


def avoid_overrun() -> None:
    """From now on every convolution of Keras in this process is differentiated within its memory."""
    keras.layers.Conv2D.convolution_op = _convolution_op


def _convolution_op(layer: keras.layers.Conv2D, inputs: Any, kernel: Any) -> Any:
    """As Keras' own; `inputs` (N, H, W, C), `kernel` (h, w, C, filters)."""
    if not _is_narrow(layer, inputs, kernel):
        return _as_keras(layer, inputs, kernel)
    down, right = layer.strides

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def convolved(pictures: tf.Tensor, weights: tf.Tensor) -> Any:
        def slopes(above: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            by_pictures = tf.raw_ops.Conv2DBackpropInput(
                input_sizes=tf.shape(pictures),
                filter=weights,
                out_backprop=above,
                strides=[1, down, right, 1],
                padding="VALID",
            )
            by_weights = tf.tensordot(pictures[:, ::down, ::right], above, axes=[[0, 1, 2], [0, 1, 2]])
            return by_pictures, by_weights[None, None]

        return _as_keras(layer, pictures, weights), slopes

    return convolved(tf.convert_to_tensor(inputs), tf.convert_to_tensor(kernel))


def _is_narrow(layer: keras.layers.Conv2D, inputs: Any, kernel: Any) -> bool:
    channels = inputs.shape[-1]
    alone = tuple(kernel.shape[:3]) == (1, 1, channels)  # and not in groups
    return alone and max(layer.strides) > 1 and channels < _REGISTER
