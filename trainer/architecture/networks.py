"""The networks the trainer builds: small ones that survive int8 and map onto an Edge TPU whole.

Convolution, batch normalisation and ReLU6 only, halved by strides, averaged at the end: no squeeze-and-excite, no
swish, whose ranges quantise badly (EfficientNet-Lite left both out for that reason). `residual`, the default, has the
blocks of ResNet (He et al., arXiv 1512.03385) with ReLU6 (Krizhevsky, 2010) in place of ReLU. Plain 3x3 convolutions
train about twice as fast on a CPU as depthwise ones of equal accuracy (measured on digits and on photographs, two
cores); depthwise ones (`mobile`, `mobilenet_v1`, `mobilenet_v2`) need fewer products and fewer bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import keras

from contract.manifest import Preprocessing
from trainer.architecture.backbones import mobilenet_v1, mobilenet_v2
from trainer.architecture.blocks import channels_at, convolved, residual_block, room_for_stages
from trainer.architecture.mobile import mobile
from trainer.settings import Family, NetworkSettings, channels_of

CHANNELS = (16, 32, 64, 128)
"""Of the stages at width 1; each halves the picture, after the stem halved it once."""
LOGITS, SCORES = "logits", "scores"
"""Names of the last two layers; the softmax stands alone so that a quantiser can reach in front of it."""


def build_classifier(prep: Preprocessing, classes: int, settings: NetworkSettings) -> keras.Model:
    """A Functional model from real-valued (N, height, width, channels) float32 to (N, classes) softmax scores."""
    width, height = prep.size_wh
    pictures = keras.Input((height, width, channels_of(prep)), name="pictures")
    features = FAMILIES[settings.family](pictures, settings)
    features = keras.layers.GlobalAveragePooling2D(name="average")(features)
    features = keras.layers.Dropout(settings.dropout, name="dropout")(features)
    logits = keras.layers.Dense(classes, name=LOGITS)(features)
    return keras.Model(pictures, keras.layers.Softmax(name=SCORES)(logits), name="classifier")


def residual(pictures: keras.KerasTensor, settings: NetworkSettings) -> keras.KerasTensor:
    """A stem and up to four stages of `depth` residual blocks each."""
    features = convolved(pictures, channels_at(CHANNELS[0], settings.width), strides=2, name="stem")
    for stage, wanted in enumerate(CHANNELS[: room_for_stages(pictures)], 1):
        channels, strides = channels_at(wanted, settings.width), 1 if stage == 1 else 2
        features = residual_block(features, channels, strides=strides, name=f"stage{stage}")
        for block in range(2, settings.depth + 1):
            features = residual_block(features, channels, strides=1, name=f"stage{stage}_block{block}")
    return features


FAMILIES: Mapping[Family, Callable[[keras.KerasTensor, NetworkSettings], keras.KerasTensor]] = {
    "residual": residual,
    "mobile": mobile,
    "mobilenet_v1": mobilenet_v1,
    "mobilenet_v2": mobilenet_v2,
}
"""From pictures (N, H, W, C) to features (N, h, w, c); what `[network] family` may say."""
