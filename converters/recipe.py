"""The ways an artifact can store a model's numbers, by name: what a conversion makes, and what a bundle says it is.

How each is made stands in `converters/worker.py`; which one a device gets, in `converters/targets.py`.
"""

from __future__ import annotations

from typing import Literal, get_args

from contract.manifest import Format

Recipe = Literal[
    "tflite-float32",
    "tflite-float16",
    "tflite-dynamic",
    "tflite-int8",
    "tflite-int16x8",
    "tflite-uint8",
    "onnx-float32",
    "onnx-float16",
    "onnx-int8",
]
"""float16: weights alone, in TFLite; dynamic: 8-bit weights, float activations; int8: both, input and output too in
TFLite; int16x8: 16-bit activations and 8-bit weights; uint8: what TensorFlow 1 left, as it is, which nothing else
becomes. ONNX int8 is QDQ with float input and output."""
RECIPES: tuple[Recipe, ...] = tuple(recipe for recipe in get_args(Recipe) if recipe != "tflite-uint8")
"""Those a conversion can make: uint8 is only ever kept."""
CALIBRATED: frozenset[Recipe] = frozenset({"tflite-int8", "tflite-int16x8", "onnx-int8"})
"""Those that must see pictures to choose their ranges."""


def format_of(recipe: Recipe) -> Format:
    """The file format."""
    return "tflite" if recipe.startswith("tflite-") else "onnx"


def float_of(recipe: Recipe) -> Recipe:
    """The float32 artifact of the same format: what separates a fault of conversion from one of quantisation."""
    return "tflite-float32" if recipe.startswith("tflite-") else "onnx-float32"
