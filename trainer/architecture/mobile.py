"""`family = "mobile"`: inverted residuals as in MobileNetV2 (Sandler et al., arXiv 1801.04381), for small pictures.

A 1x1 convolution widens, a 3x3 one works channel by channel, another 1x1 narrows again without an activation. Fewer
products than `residual`, and more numbers moved for each of them.
"""

from __future__ import annotations

import keras

from trainer.architecture.blocks import channels_at, convolved, depthwise, normalised, room_for_stages
from trainer.settings import NetworkSettings

CHANNELS = (16, 24, 48, 96)
"""Of the stages at width 1, between their blocks."""
HEAD = 256
"""Of the last convolution at width 1."""
EXPANSION = 4
"""How many times wider a block is inside; the first stage does not widen."""


def mobile(pictures: keras.KerasTensor, settings: NetworkSettings) -> keras.KerasTensor:
    """A stem, up to four stages of `depth` blocks and one more each, and a 1x1 convolution."""
    features = convolved(pictures, channels_at(CHANNELS[0], settings.width), strides=2, name="stem")
    for stage, wanted in enumerate(CHANNELS[: room_for_stages(pictures)], 1):
        channels = channels_at(wanted, settings.width)
        for block in range(1, settings.depth + (1 if stage == 1 else 2)):
            strides = 2 if stage > 1 and block == 1 else 1
            widened = 1 if stage == 1 else EXPANSION
            features = _inverted(features, channels, widened, strides=strides, name=f"stage{stage}_block{block}")
    return convolved(features, channels_at(HEAD, settings.width), kernel=1, name="head")


def _inverted(
    features: keras.KerasTensor, channels: int, widened: int, *, strides: int, name: str
) -> keras.KerasTensor:
    given = features.shape[-1]
    path = features if widened == 1 else convolved(features, widened * given, kernel=1, name=f"{name}_wide")
    path = depthwise(path, strides=strides, name=f"{name}_each")
    path = normalised(path, channels, kernel=1, name=f"{name}_narrow")
    if strides == 1 and given == channels:
        return keras.layers.Add(name=f"{name}_add")([path, features])
    return path
