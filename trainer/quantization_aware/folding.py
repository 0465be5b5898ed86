"""Batch normalisation multiplied into the convolution before it, as every converter does, but before training.

A network that is trained with the two apart rounds other weights than the file has, and its accuracy is then not the
file's (Jacob et al., arXiv 1712.05877, section 3.2).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


class Normalisation(NamedTuple):
    """What batch normalisation does once trained, (channels,) each: y = (x - mean) * factor + offset."""

    mean: Array
    factor: Array
    offset: Array


def normalisation_of(layer: Any) -> Normalisation:
    """Of a trained keras.layers.BatchNormalization, with or without scale and centre."""
    mean, variance = np.asarray(layer.moving_mean), np.asarray(layer.moving_variance)
    factor = 1.0 / np.sqrt(variance.astype(np.float64) + layer.epsilon)
    if layer.scale:
        factor = factor * np.asarray(layer.gamma)
    offset = np.asarray(layer.beta) if layer.center else np.zeros_like(mean)
    return Normalisation(mean, factor.astype(np.float32), offset)


def folded(kernel: Array, bias: Array | None, after: Normalisation, *, depthwise: bool) -> tuple[Array, Array]:
    """Kernel and bias of one convolution that does what a convolution and then `after` do.

    `kernel` is (h, w, in, out), or (h, w, in, multiplier) of a depthwise one, whose channels are in times multiplier.
    """
    factor = after.factor.reshape(kernel.shape[2:]) if depthwise else after.factor
    start = np.zeros_like(after.mean) if bias is None else bias
    return kernel * factor, (start - after.mean) * after.factor + after.offset
