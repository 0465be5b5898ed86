"""Fifty conversions with nothing wrong: other architectures, tasks, numbers, calibrations. None may be refused.

Those of `LOSSY` were drawn with them and were refused. Looked at by hand, 8 bits really cost them too much, so they
stand apart, as conversions that must be refused though nobody planted anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from converters.onnx_form import OnnxForm
from converters.recipe import Recipe
from converters.source import UNKNOWN, Pictures
from tests.converters.defects.conversion import Conversion, changed, converted
from tests.converters.defects.networks import Shape
from tests.converters.defects.planted import bright, tiny

TASKS = ("classify", "detect", "segment", "keypoints", "regress", "anomaly")
SHAPES = {
    "plain": Shape(),
    "depthwise": Shape("Relu6", "depthwise"),
    "grouped": Shape("LeakyRelu", "grouped"),
    "residual": Shape("HardSwish", "residual"),
    "concat": Shape("Elu", "concat"),
    "batchnorm": Shape("Relu6", "batchnorm"),
    "maxpool": Shape("Relu", "maxpool", kernel=5),
}
FLOATS: tuple[Recipe, ...] = ("onnx-float32", "onnx-float16")


def _unlabelled(good: Conversion) -> Conversion:
    unknown = np.full(len(good.source.golden.labels), UNKNOWN)
    return changed(good, golden=Pictures(good.source.golden.frames, unknown))


def _few(good: Conversion, count: int) -> Conversion:
    """Compared on so few pictures that a single one is much."""
    golden = Pictures(good.source.golden.frames[:count], good.source.golden.labels[:count])
    truth = {name: rows[:count] for name, rows in good.truth.items()}
    return replace(changed(good, golden=golden), truth=truth)


GOOD: dict[str, Callable[[], Conversion]] = {
    f"{task}, {name}": partial(converted, task, shape=shape)
    for task in ("classify", "detect", "keypoints", "regress")
    for name, shape in SHAPES.items()
    if (task, name) != ("regress", "depthwise")
}
LOSSY: dict[str, Callable[[], Conversion]] = {
    # Off by a twentieth of the range in one direction; a quarter more error against what the pictures really show.
    "regress, depthwise": partial(converted, "regress", shape=SHAPES["depthwise"]),
    # Random sigmoids hardly vary, and the last layer multiplies what they do by so much that rounding drowns it.
    "classify, sigmoid": partial(converted, "classify", shape=Shape("Sigmoid", "concat")),
    "regress, sigmoid": partial(converted, "regress", shape=Shape("Sigmoid", "concat")),
}
GOOD |= {f"{task}, {recipe}": partial(converted, task, recipe) for task in TASKS for recipe in FLOATS}
GOOD |= {
    "segment, int8": partial(converted, "segment"),
    "segment, 5x5": partial(converted, "segment", shape=Shape(kernel=5)),
    "anomaly, int8": partial(converted, "anomaly"),
    "symmetric": partial(converted, form=OnnxForm(symmetric=True)),
    "7-bit weights": partial(converted, form=OnnxForm(reduce_range=True)),
    "7-bit weights without VNNI": lambda: replace(
        converted(form=OnnxForm(reduce_range=True)), profile="generic-x86_64"
    ),
    "two calibration pictures": partial(converted, calibration=2),
    "eight calibration pictures": partial(converted, calibration=8),
    "many calibration pictures": partial(converted, calibration=120),
    "unlabelled pictures": lambda: _unlabelled(converted()),
    "three pictures to compare on": lambda: _few(converted(), 3),
    "one detector on four pictures": lambda: _few(converted("detect"), 4),
    "int8 TFLite for Coral": tiny,
    "float TFLite": lambda: replace(
        tiny(), recipe="tflite-float32", model=tiny().floats or b"", floats=None, profile="rpi4"
    ),
    "large sums on a Pi": bright,
}
