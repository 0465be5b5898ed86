"""The detector: residual stages like the classifier's, one map upsampled and added, and two small heads.

Convolution, folded batch normalisation, ReLU6, addition and nearest upsampling only, which map onto an Edge TPU whole.
Boxes and scores leave in tensors of their own, since one int8 scale cannot serve both; scores leave as logits: a
sigmoid on top would round them twice, and the decoder takes it of the few that pass. Anchor-free with one box a cell
(FCOS, Tian et al., arXiv 1904.01355), and heads apart as YOLOX has them (arXiv 2107.08430).
"""

from __future__ import annotations

import math

import keras

from contract.errors import ConfigError
from contract.manifest import Preprocessing
from trainer.architecture.blocks import channels_at, convolved, residual_block
from trainer.detection.decoding import BOXES, SCORES
from trainer.detection.grid import Grid
from trainer.settings import NetworkSettings, channels_of

CHANNELS = (16, 24, 48, 96)
"""Of the stem and the stages at strides 4, 8 and 16, at width 1."""
BLOCKS = (1, 1, 3)
"""Residual blocks of each stage: the coarse one is cheap, and what sees whole things."""
COARSEST = 16
"""Sizes must be multiples of it, so that the upsampled map fits the finer one."""
FIRST_SCORE = math.log(0.01 / 0.99)
"""The logit a score begins as: nearly all cells are empty (focal loss, Lin et al., arXiv 1708.02002)."""
_FIRST_SIZE = 3.0
"""Cells a box begins as wide and high, around its cell's middle."""


def build_detector(prep: Preprocessing, classes: int, settings: NetworkSettings, grid: Grid) -> keras.Model:
    """A Functional model from real-valued (N, height, width, channels) float32 to the two outputs, by name."""
    width, height = prep.size_wh
    check_size(prep)
    pictures = keras.Input((height, width, channels_of(prep)), name="pictures")
    stem, *stages = (channels_at(channels, settings.width) for channels in CHANNELS)
    features = convolved(pictures, stem, strides=2, name="stem")
    maps = {}
    for number, (channels, blocks) in enumerate(zip(stages, BLOCKS, strict=True), 1):
        for block in range(1, blocks + 1):
            strides = 2 if block == 1 else 1
            features = residual_block(features, channels, strides=strides, name=f"stage{number}_{block}")
        maps[2 ** (number + 1)] = features
    features = _joined(maps, grid.stride, channels_at(CHANNELS[2], settings.width))
    boxes, scores = _head(features, 4, grid, name=BOXES), _head(features, classes, grid, name=SCORES)
    model = keras.Model(pictures, {BOXES: boxes, SCORES: scores}, name="detector")
    # Set here, and not by initialisers of our own, which would stand in the saved file by name.
    model.get_layer(f"{BOXES}_conv").bias.assign([0.5, 0.5, math.log(_FIRST_SIZE), math.log(_FIRST_SIZE)])
    model.get_layer(f"{SCORES}_conv").bias.assign([FIRST_SCORE] * classes)
    return model


def check_size(prep: Preprocessing) -> None:
    """ConfigError unless pictures of this size can be halved as often as the network does."""
    if any(side % COARSEST for side in prep.size_wh):
        raise ConfigError(
            f"a detector's picture cannot be {prep.size_wh[0]}x{prep.size_wh[1]}",
            where="preprocessing.size_wh",
            fix=f"Give multiples of {COARSEST}, e.g. [320, 240].",
        )


def _joined(maps: dict[int, keras.KerasTensor], stride: int, channels: int) -> keras.KerasTensor:
    """What the coarse maps know, brought down to `stride` step by step (FPN, Lin et al., arXiv 1612.03144)."""
    coarse = COARSEST
    features = convolved(maps[coarse], channels, kernel=1, name=f"past{coarse}")
    while coarse > stride:
        coarse //= 2
        # Not UpSampling2D: its nearest neighbours become TILE in TFLite, which no Edge TPU has (measured, Keras 3.15).
        rows, columns = 2 * features.shape[1], 2 * features.shape[2]
        finer = keras.layers.Resizing(rows, columns, interpolation="nearest", name=f"up{coarse}")(features)
        past = convolved(maps[coarse], channels, kernel=1, name=f"past{coarse}")
        joined = keras.layers.Add(name=f"join{coarse}")([finer, past])
        features = convolved(joined, channels, strides=1, name=f"smooth{coarse}")
    return features


def _head(features: keras.KerasTensor, numbers: int, grid: Grid, *, name: str) -> keras.KerasTensor:
    features = convolved(features, features.shape[-1], strides=1, name=f"{name}_head")
    return keras.layers.Reshape((grid.cells, numbers), name=name)(last_convolution(name, numbers)(features))


def last_convolution(name: str, numbers: int) -> keras.layers.Conv2D:
    """What gives each cell its `numbers` for the output `name`."""
    small = keras.initializers.RandomNormal(stddev=0.01)
    return keras.layers.Conv2D(numbers, 1, kernel_initializer=small, name=f"{name}_conv")
