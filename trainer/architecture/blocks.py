"""What the networks of every family are made of: convolution, batch normalisation, ReLU6, and nothing else.

Batch statistics move with momentum 0.9: with Keras' 0.99 a short training ends before they have arrived.
"""

from __future__ import annotations

import keras

MOMENTUM = 0.9
SMALLEST_MAP = 4
"""Stages stop once the picture is this small: a further one would see nothing but padding."""
_MULTIPLE = 8
"""Channels are multiples of this, what SIMD and Edge TPU lanes like."""


def channels_at(wanted: int, width: float) -> int:
    """`wanted` channels at width 1, as many at `width`: a multiple of 8, and at least 8."""
    return max(_MULTIPLE, round(wanted * width / _MULTIPLE) * _MULTIPLE)


def room_for_stages(pictures: keras.KerasTensor) -> int:
    """How many stages, each halving the picture but the first, there is room for behind a stem that halves it too."""
    side = min(pictures.shape[1:3]) // 2
    room = 1
    while side // 2 >= SMALLEST_MAP:
        side, room = side // 2, room + 1
    return room


def convolved(
    features: keras.KerasTensor, channels: int, *, kernel: int = 3, strides: int = 1, name: str
) -> keras.KerasTensor:
    """Convolution, normalisation and ReLU6."""
    return relu6(normalised(features, channels, kernel=kernel, strides=strides, name=name), name=name)


def normalised(
    features: keras.KerasTensor, channels: int, *, kernel: int = 3, strides: int = 1, name: str
) -> keras.KerasTensor:
    """Convolution and normalisation."""
    convolution = keras.layers.Conv2D(
        channels, kernel, strides=strides, padding="same", use_bias=False, name=f"{name}_conv"
    )
    return keras.layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_bn")(convolution(features))


def residual_block(features: keras.KerasTensor, channels: int, *, strides: int, name: str) -> keras.KerasTensor:
    """Two convolutions and a way past them; the way is a 1x1 convolution where the shape changes."""
    path = convolved(features, channels, strides=strides, name=f"{name}_first")
    path = normalised(path, channels, name=f"{name}_second")
    if strides != 1 or features.shape[-1] != channels:
        features = normalised(features, channels, kernel=1, strides=strides, name=f"{name}_past")
    return relu6(keras.layers.Add(name=f"{name}_add")([path, features]), name=name)


def depthwise(features: keras.KerasTensor, *, strides: int = 1, name: str) -> keras.KerasTensor:
    """A 3x3 convolution channel by channel, normalisation and ReLU6."""
    convolution = keras.layers.DepthwiseConv2D(
        3, strides=strides, padding="same", use_bias=False, name=f"{name}_depthwise"
    )
    normal = keras.layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_bn")(convolution(features))
    return relu6(normal, name=name)


def relu6(features: keras.KerasTensor, *, name: str) -> keras.KerasTensor:
    """The activation whose range is known before any calibration."""
    return keras.layers.ReLU(6.0, name=f"{name}_relu")(features)
