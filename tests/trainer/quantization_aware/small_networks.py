"""Small networks with batch statistics as if trained: what cloning is tested on. Imported once TensorFlow is."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers

from trainer.architecture.networks import build_classifier
from trainer.settings import InputSettings, NetworkSettings


def classifier() -> keras.Model:
    """The trainer's own, for 16x16 grey pictures of four classes."""
    return lived(build_classifier(InputSettings(size_wh=(16, 16), colour="grey"), 4, NetworkSettings(width=0.5)))


def detector() -> keras.Model:
    """Depthwise convolutions, a path up and one down again, two heads at two sizes, boxes and scores joined."""
    pictures = keras.Input((32, 32, 3), name="pictures")
    fine = _depthwise(_convolution(pictures, 8, strides=2))
    coarse = _convolution(fine, 12, strides=2)
    coarse = layers.MaxPooling2D(2, strides=1, padding="same")(coarse)
    up = layers.Concatenate()([layers.UpSampling2D(2)(coarse), fine])
    fine = _convolution(up, 8)
    down = layers.Concatenate()([_convolution(fine, 8, strides=2), coarse])
    boxes, scores = zip(*(_head(features) for features in (fine, down)), strict=True)
    joined = (layers.Concatenate(axis=1, name="boxes")(boxes), layers.Concatenate(axis=1, name="scores")(scores))
    return lived(keras.Model(pictures, joined))


def lived(model: keras.Model) -> keras.Model:
    """`model` with batch statistics other than those of birth, the same each time."""
    drawn = np.random.default_rng(3)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            shape = layer.moving_mean.shape
            layer.moving_mean.assign(drawn.normal(0, 0.2, shape))
            layer.moving_variance.assign(drawn.uniform(0.3, 2, shape))
            layer.gamma.assign(drawn.uniform(0.5, 1.5, shape))
            layer.beta.assign(drawn.normal(0, 0.3, shape))
    return model


def pictures_for(model: keras.Model, count: int) -> Any:
    """(count, H, W, C) float32 pixels over 255, whole pixels as a camera gives them."""
    pixels = np.random.default_rng(5).integers(0, 256, (count, *model.input_shape[1:]))
    return (pixels / 255).astype(np.float32)


def _convolution(features: Any, channels: int, strides: int = 1) -> Any:
    features = layers.Conv2D(channels, 3, strides=strides, padding="same", use_bias=False)(features)
    return layers.ReLU(6.0)(layers.BatchNormalization()(features))


def _depthwise(features: Any) -> Any:
    features = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(features)
    return layers.ReLU(6.0)(layers.BatchNormalization()(features))


def _head(features: Any) -> tuple[Any, Any]:
    boxes = layers.Reshape((-1, 4))(layers.Conv2D(4, 1)(features))
    scores = layers.Activation("sigmoid")(layers.Reshape((-1, 3))(layers.Conv2D(3, 1)(features)))
    return boxes, scores
