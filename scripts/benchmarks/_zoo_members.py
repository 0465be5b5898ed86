"""The networks of keras.applications: which there are, and one of them made for a conversion.

As `python -m … NAME SIZE FILE`: weights are random, as nothing may be fetched, and batch statistics are those of a
batch of pictures, without which the activations of a deep random network fade or explode. Its answers are logits,
which show more of an error than a softmax over a thousand equal classes.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SMALLEST = (
    "ConvNeXtTiny",
    "DenseNet121",
    "EfficientNetB0",
    "EfficientNetV2B0",
    "InceptionResNetV2",
    "InceptionV3",
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Small",
    "NASNetMobile",
    "ResNet50",
    "ResNet50V2",
    "VGG16",
    "VGG19",
    "Xception",
)
"""The smallest member of each family."""
OTHERS = (
    *(f"ConvNeXt{size}" for size in ("Small", "Base", "Large", "XLarge")),
    *(f"DenseNet{layers}" for layers in (169, 201)),
    *(f"EfficientNetB{size}" for size in range(1, 8)),
    *(f"EfficientNetV2{size}" for size in ("B1", "B2", "B3", "S", "M", "L")),
    "MobileNetV3Large",
    "NASNetLarge",
    *(f"ResNet{layers}{version}" for layers in (101, 152) for version in ("", "V2")),
)
SHORT = ("MobileNetV2", "ConvNeXtTiny")
"""The most used, and the one whose grouped convolutions tf2onnx does not take as they are."""
SIZE = 128
"""Pixels a side, of every network: smaller ones do not fit through the deepest."""
SCALED_INSIDE = ("ConvNeXt", "EfficientNet", "MobileNetV3")
"""Families that take pixels as they are; the others want -1..1."""


def pictures(count: int, size: int, seed: int) -> NDArray[np.uint8]:
    """`count` pictures (N, size, size, 3) with edges and shades: coarse noise laid over fine ones."""
    draw = np.random.default_rng(seed)
    found = np.zeros((count, size, size, 3))
    for cells in (2, 4, 16, size):
        coarse = draw.random((count, cells, cells, 3))
        found += np.repeat(np.repeat(coarse, -(-size // cells), 1), -(-size // cells), 2)[:, :size, :size]
    lowest, highest = found.min((1, 2, 3), keepdims=True), found.max((1, 2, 3), keepdims=True)
    return (255 * (found - lowest) / (highest - lowest)).astype(np.uint8)


def scale_of(name: str) -> Mapping[str, tuple[float, ...]]:
    """Mean and std of its preprocessing."""
    if name.startswith(SCALED_INSIDE):
        return {"mean": (0.0,), "std": (1.0,)}
    return {"mean": (127.5,), "std": (127.5,)}


def write_model(name: str, size: int, path: Path) -> None:
    """Make the network called `name` for pictures of `size` and save it as `.keras`."""
    import keras

    keras.utils.set_random_seed(7)
    make = getattr(keras.applications, name)
    alpha = {"minimalistic": False} if "minimalistic" in inspect.signature(make).parameters else {}
    model = make(weights=None, input_shape=(size, size, 3), classifier_activation=None, **alpha)
    normalised = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    if normalised:
        momenta = [layer.momentum for layer in normalised]
        for layer in normalised:
            layer.momentum = 0.0
        scale = scale_of(name)
        model((pictures(8, size, 1) - scale["mean"][0]) / scale["std"][0], training=True)
        for layer, momentum in zip(normalised, momenta, strict=True):
            layer.momentum = momentum
    model.save(path)


if __name__ == "__main__":
    write_model(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
