"""From what a source is to what an artifact stores: the steps of every way, in one table.

A step turns one file into another and is a process of its own (`converters/worker.py`). Ways share their first steps:
what was made for one recipe is not made again for the next. Where the table has no entry there is no way, and
`steps_to` says why.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from contract.errors import ModelError
from converters.recipe import RECIPES, Recipe
from converters.source import Source
from converters.tflite_tree import read_tree
from converters.tflite_types import stored_as

Origin = Literal[
    "tensorflow",
    "onnx",
    "onnx-int8",
    "tflite-float32",
    "tflite-float16",
    "tflite-dynamic",
    "tflite-uint8",
    "tflite-int8",
    "tflite-int16x8",
]
"""What a source is to a converter: Keras and SavedModel are both TensorFlow's; a file is what its numbers are."""
Step = Literal[
    "tensorflow-tflite",
    "tensorflow-onnx",
    "tflite-still",
    "tflite-widen",
    "tflite-quantise",
    "tflite-twin",
    "tflite-onnx",
    "onnx-still",
    "onnx-real",
    "onnx-half",
    "onnx-quantise",
    "onnx-tflite",
]
STEPS: tuple[Step, ...] = get_args(Step)
Way = tuple[Step, ...]
_QUANTISED_ALREADY = "its numbers are 8 or 16 bits wide already, and what was rounded away does not come back"

WAYS: dict[Origin, dict[Recipe, Way]] = {
    "tensorflow": {
        "tflite-float32": ("tensorflow-tflite",),
        "tflite-float16": ("tensorflow-tflite",),
        "tflite-dynamic": ("tensorflow-tflite",),
        "tflite-int8": ("tensorflow-tflite",),
        "tflite-int16x8": ("tensorflow-tflite",),
        "onnx-float32": ("tensorflow-onnx",),
        "onnx-float16": ("tensorflow-onnx", "onnx-half"),
        "onnx-int8": ("tensorflow-onnx", "onnx-quantise"),
    },
    "onnx": {
        "tflite-float32": ("onnx-still", "onnx-tflite"),
        "tflite-float16": ("onnx-still", "onnx-tflite", "tflite-quantise"),
        "tflite-dynamic": ("onnx-still", "onnx-tflite", "tflite-quantise"),
        "tflite-int8": ("onnx-still", "onnx-tflite", "tflite-quantise"),
        "tflite-int16x8": ("onnx-still", "onnx-tflite", "tflite-quantise"),
        "onnx-float32": ("onnx-still",),
        "onnx-float16": ("onnx-still", "onnx-half"),
        "onnx-int8": ("onnx-still", "onnx-quantise"),
    },
    "onnx-int8": {
        "onnx-float32": ("onnx-still", "onnx-real"),
        "onnx-float16": ("onnx-still", "onnx-real", "onnx-half"),
        "onnx-int8": ("onnx-still",),
    },
    "tflite-float32": {
        "tflite-float32": ("tflite-still",),
        "tflite-float16": ("tflite-still", "tflite-quantise"),
        "tflite-dynamic": ("tflite-still", "tflite-quantise"),
        "tflite-int8": ("tflite-still", "tflite-quantise"),
        "tflite-int16x8": ("tflite-still", "tflite-quantise"),
        "onnx-float32": ("tflite-still", "tflite-onnx"),
        "onnx-float16": ("tflite-still", "tflite-onnx", "onnx-half"),
        "onnx-int8": ("tflite-still", "tflite-onnx", "onnx-quantise"),
    },
    "tflite-float16": {
        "tflite-float32": ("tflite-widen",),
        "tflite-float16": ("tflite-still",),
        "tflite-dynamic": ("tflite-widen", "tflite-quantise"),
        "tflite-int8": ("tflite-widen", "tflite-quantise"),
        "tflite-int16x8": ("tflite-widen", "tflite-quantise"),
        "onnx-float32": ("tflite-widen", "tflite-onnx"),
        "onnx-float16": ("tflite-widen", "tflite-onnx", "onnx-half"),
        "onnx-int8": ("tflite-widen", "tflite-onnx", "onnx-quantise"),
    },
    "tflite-dynamic": {"tflite-dynamic": ("tflite-still",)},
    "tflite-uint8": {
        "tflite-int8": ("tflite-twin",),
        "tflite-uint8": ("tflite-still",),
        "onnx-float32": ("tflite-still", "tflite-onnx", "onnx-real"),
        "onnx-float16": ("tflite-still", "tflite-onnx", "onnx-real", "onnx-half"),
        "onnx-int8": ("tflite-still", "tflite-onnx"),
    },
    "tflite-int8": {
        "tflite-int8": ("tflite-still",),
        "onnx-float32": ("tflite-still", "tflite-onnx", "onnx-real"),
        "onnx-float16": ("tflite-still", "tflite-onnx", "onnx-real", "onnx-half"),
        "onnx-int8": ("tflite-still", "tflite-onnx"),
    },
    "tflite-int16x8": {"tflite-int16x8": ("tflite-still",)},
}


def origin_of(source: Source) -> Origin:
    """What `source` is to a converter, read from the file itself. ModelError where it cannot be read."""
    if source.kind in ("keras", "saved-model"):
        return "tensorflow"
    return origin_of_file(source.model, source.origin)


def origin_of_file(model: Path, where: str) -> Origin:
    """The same of a bare `.onnx` or `.tflite` file."""
    data = model.read_bytes()
    if model.suffix == ".onnx":
        # As in `edge/backends/tensorrt.py`: the operator's name is in the file or it is not.
        return "onnx-int8" if b"DequantizeLinear" in data else "onnx"
    return stored_as(read_tree(data, where=where))


def steps_to(origin: Origin, recipe: Recipe, *, where: str) -> Way:
    """The steps from `origin` to `recipe`; ModelError with the reason where there is no way."""
    ways = WAYS[origin]
    if recipe in ways:
        return ways[recipe]
    there = ", ".join(name for name in RECIPES if name in ways)
    raise ModelError(
        f"a {origin} model cannot become {recipe}: {_QUANTISED_ALREADY}", where=where, fix=f"Ask for {there}."
    )
