"""The networks the trainer builds: small residual ones that survive int8 and map onto an Edge TPU whole.

Convolution, batch normalisation and ReLU6 only, halved by strides, averaged at the end: no squeeze-and-excite, no
swish, whose ranges quantise badly (EfficientNet-Lite left both out for that reason). Blocks are those of ResNet
(He et al., arXiv 1512.03385) with ReLU6 (Krizhevsky, 2010) in place of ReLU. Plain 3x3 convolutions train about twice
as fast on a CPU as depthwise ones of equal accuracy (measured on digits and on photographs, two cores).

Batch statistics move with momentum 0.9: with Keras' 0.99 a short training ends before they have arrived.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras

from contract.manifest import Preprocessing
from trainer.settings import NetworkSettings, channels_of

CHANNELS = (16, 32, 64, 128)
"""Of the stages at width 1; each halves the picture, after the stem halved it once."""
_SMALLEST_MAP = 4
"""Stages stop once the picture is this small: a further one would see nothing but padding."""
_MULTIPLE = 8
"""Channels are multiples of this, what SIMD and Edge TPU lanes like."""
_MOMENTUM = 0.9
LOGITS, SCORES = "logits", "scores"
"""Names of the last two layers; the softmax stands alone so that a quantiser can reach in front of it."""


def build_classifier(prep: Preprocessing, classes: int, settings: NetworkSettings) -> keras.Model:
    """A Functional model from real-valued (N, height, width, channels) float32 to (N, classes) softmax scores."""
    width, height = prep.size_wh
    pictures = keras.Input((height, width, channels_of(prep)), name="pictures")
    features = _convolution(pictures, _channels(CHANNELS[0], settings.width), strides=2, name="stem")
    for stage, channels in enumerate(_stages(width, height, settings.width), 1):
        features = _residual(features, channels, strides=1 if stage == 1 else 2, name=f"stage{stage}")
    features = keras.layers.GlobalAveragePooling2D(name="average")(features)
    features = keras.layers.Dropout(settings.dropout, name="dropout")(features)
    logits = keras.layers.Dense(classes, name=LOGITS)(features)
    return keras.Model(pictures, keras.layers.Softmax(name=SCORES)(logits), name="classifier")


def _stages(width: int, height: int, multiplier: float) -> Sequence[int]:
    """Channels of each stage a picture of this size has room for."""
    side = min(width, height) // 2
    room = 1
    while side // 2 >= _SMALLEST_MAP:
        side, room = side // 2, room + 1
    return [_channels(channels, multiplier) for channels in CHANNELS[:room]]


def _channels(wanted: int, multiplier: float) -> int:
    return max(_MULTIPLE, round(wanted * multiplier / _MULTIPLE) * _MULTIPLE)


def _residual(features: keras.KerasTensor, channels: int, *, strides: int, name: str) -> keras.KerasTensor:
    """Two convolutions and a way past them; the way is a 1x1 convolution where the shape changes."""
    path = _convolution(features, channels, strides=strides, name=f"{name}_first")
    path = _normalised(path, channels, kernel=3, strides=1, name=f"{name}_second")
    if strides != 1 or features.shape[-1] != channels:
        features = _normalised(features, channels, kernel=1, strides=strides, name=f"{name}_past")
    joined = keras.layers.Add(name=f"{name}_add")([path, features])
    return keras.layers.ReLU(6.0, name=f"{name}_relu")(joined)


def _convolution(features: keras.KerasTensor, channels: int, *, strides: int, name: str) -> keras.KerasTensor:
    normalised = _normalised(features, channels, kernel=3, strides=strides, name=name)
    return keras.layers.ReLU(6.0, name=f"{name}_relu")(normalised)


def _normalised(
    features: keras.KerasTensor, channels: int, *, kernel: int, strides: int, name: str
) -> keras.KerasTensor:
    convolution = keras.layers.Conv2D(
        channels, kernel, strides=strides, padding="same", use_bias=False, name=f"{name}_conv"
    )
    return keras.layers.BatchNormalization(momentum=_MOMENTUM, name=f"{name}_bn")(convolution(features))
