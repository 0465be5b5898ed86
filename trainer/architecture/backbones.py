"""MobileNetV1 and V2 as keras.applications has them, with weights from a file or with random ones; nothing is fetched.

Their layers become layers of the classifier itself, not a model within it, so that whoever walks the network (costs,
quantisation, conversion) sees one graph. Weights are those of pictures between -1 and 1: mean and std are 127.5, which
`trainer/architecture/pretrained.py` sees to.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import keras

from contract.errors import ConfigError, ModelError
from trainer.architecture.blocks import MOMENTUM
from trainer.settings import NetworkSettings

_SMALLEST = 32
"""Pixels each way; keras.applications takes no smaller pictures."""


def mobilenet_v1(pictures: keras.KerasTensor, settings: NetworkSettings) -> keras.KerasTensor:
    """Howard et al., arXiv 1704.04861; `width` is its alpha."""
    return _features(keras.applications.MobileNet, pictures, settings)


def mobilenet_v2(pictures: keras.KerasTensor, settings: NetworkSettings) -> keras.KerasTensor:
    """Sandler et al., arXiv 1801.04381; `width` is its alpha."""
    return _features(keras.applications.MobileNetV2, pictures, settings)


def _features(application: Any, pictures: keras.KerasTensor, settings: NetworkSettings) -> keras.KerasTensor:
    height, width, channels = pictures.shape[1:]
    if min(height, width) < _SMALLEST:
        raise ConfigError(
            f"{settings.family} takes no pictures of {width}x{height}",
            where="preprocessing.size_wh",
            fix=f"Use at least {_SMALLEST}x{_SMALLEST}, or family residual or mobile.",
        )
    backbone = application(
        input_tensor=pictures,
        input_shape=(height, width, channels),
        alpha=settings.width,
        include_top=False,
        weights=None,
    )
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = MOMENTUM
    if settings.weights:
        _load(backbone, Path(settings.weights), settings)
    return backbone.output


def _load(backbone: keras.Model, path: Path, settings: NetworkSettings) -> None:
    if not path.is_file():
        raise ConfigError("the weights are not there", where=str(path), fix="Name the file in network.weights.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # Keras warns where layers keep their random weights
            backbone.load_weights(path)
    except (ValueError, KeyError, OSError, UserWarning) as problem:
        raise ModelError(
            f"these are no weights of {settings.family} at width {settings.width:g} without its last layer: "
            f"{str(problem).splitlines()[0]}",
            where=str(path),
            fix="Give the file for this family and width, saved with include_top=False.",
        ) from problem
