"""A `.keras` file or a SavedModel folder in the process of a probe: the only file here that needs TensorFlow."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from contract.errors import ModelError
from contract.manifest import TensorSpec
from converters.probe_child import Opened, Tensors
from converters.probe_talk import Hints
from converters.saved_model import SIGNATURE, opened
from edge.backends.tensors import dtype_of

_SCORES: dict[str, Literal["softmax", "sigmoid"]] = {"softmax": "softmax", "sigmoid": "sigmoid"}
Size = tuple[int, int] | None


def open_keras(path: Path, origin: str, size_wh: Size) -> Opened:
    """The Keras model in `path`; ModelError where Keras cannot load it. Code in a file is not run."""
    try:
        model = keras.models.load_model(path, compile=False)
    except (ValueError, TypeError, KeyError, OSError, zipfile.BadZipFile) as problem:
        raise _refused(f"Keras cannot load it: {_first_line(problem)}", origin) from problem
    if not getattr(model, "inputs", None):
        raise _refused("it was never built, so that its input has no shape", origin)
    inputs = _specs([(tensor.name, tensor.shape, tensor.dtype) for tensor in model.inputs], size_wh, origin)
    names = keras_output_names(model)

    def run(feed: Mapping[str, NDArray[np.generic]]) -> Tensors:
        tensors = [tf.constant(feed[spec.name]) for spec in inputs]
        found = keras.tree.flatten(model(keras.tree.pack_sequence_as(model.input, tensors), training=False))
        return {name: np.asarray(tensor) for name, tensor in zip(names, found, strict=True)}

    hints = Hints(ends_with=_activations(model, names))
    return Opened(inputs, _measured(run, inputs, names), hints, run)


def open_saved_model(path: Path, origin: str, size_wh: Size) -> Opened:
    """The SavedModel in the folder `path`, by its signature `serving_default`; ModelError where it has none."""
    loaded = opened(path, origin)
    signature = loaded.signatures[SIGNATURE]
    asked = signature.structured_input_signature[1]
    shapes = [(name, _shape(spec, origin), spec.dtype.name) for name, spec in asked.items()]
    inputs = _specs(shapes, size_wh, origin)
    names = tuple(signature.structured_outputs)

    def run(feed: Mapping[str, NDArray[np.generic]]) -> Tensors:
        # Through `loaded`: a signature's variables live as long as what they were loaded into, and no longer.
        found = loaded.signatures[SIGNATURE](**{name: tf.constant(array) for name, array in feed.items()})
        return {name: found[name].numpy() for name in names}

    return Opened(inputs, _measured(run, inputs, names), Hints(), run)


def keras_output_names(model: Any) -> tuple[str, ...]:
    """Of a Keras model, each once; a second layer of a name gets a number."""
    names: list[str] = []
    for name in model.output_names:
        alike = sum(other == name or other.startswith(f"{name}:") for other in names)
        names.append(f"{name}:{alike}" if alike else name)
    return tuple(names)


def _activations(model: Any, names: Sequence[str]) -> dict[str, Literal["softmax", "sigmoid"]]:
    found = {}
    for name, tensor in zip(names, model.outputs, strict=True):
        layer = tensor._keras_history.operation
        last = getattr(getattr(layer, "activation", None), "__name__", type(layer).__name__.lower())
        if last in _SCORES:
            found[name] = _SCORES[last]
    return found


def _shape(spec: Any, origin: str) -> tuple[int | None, ...]:
    if spec.shape.rank is None:
        raise _refused(f"its input {spec.name!r} has no shape", origin)
    return tuple(spec.shape.as_list())


def _specs(
    tensors: Sequence[tuple[str, Sequence[int | None], str]], size_wh: Size, origin: str
) -> tuple[TensorSpec, ...]:
    """Inputs with batch 1, and with the person's picture size where theirs is open."""
    return tuple(
        TensorSpec(name=name, shape=_closed(name, tuple(shape), size_wh, origin), dtype=dtype_of(kind, tensor=name))
        for name, shape, kind in tensors
    )


def _closed(name: str, shape: tuple[int | None, ...], size_wh: Size, origin: str) -> tuple[int, ...]:
    sizes = list(shape)
    planar = len(sizes) == 4 and sizes[1] in (1, 3) and sizes[3] not in (1, 3)
    places = (2, 3) if planar else (1, 2)
    if len(sizes) in (3, 4) and size_wh is not None:
        for place, size in zip(places, reversed(size_wh), strict=True):
            sizes[place] = sizes[place] or size
    closed = tuple(size or 0 for size in sizes[1:])
    if 0 in closed:
        raise ModelError(
            f"its input {name!r} is {list(shape)}: dynamic beyond the batch",
            where=origin,
            fix="Say the picture's size in a model card: [preprocessing] size_wh = [WIDTH, HEIGHT].",
        )
    return (1, *closed)


def _measured(
    run: Callable[[Mapping[str, NDArray[np.generic]]], Tensors],
    inputs: Sequence[TensorSpec],
    names: Sequence[str],
) -> tuple[TensorSpec, ...]:
    """The outputs' sizes are what comes out: graphs leave them open."""
    found = run({spec.name: np.zeros(spec.shape, spec.dtype) for spec in inputs})
    return tuple(
        TensorSpec(name=name, shape=found[name].shape, dtype=dtype_of(found[name].dtype.name, tensor=name))
        for name in names
    )


def _first_line(problem: Exception) -> str:
    lines = str(problem).splitlines()
    return lines[0][:300] if lines else type(problem).__name__


def _refused(what: str, origin: str) -> ModelError:
    return ModelError(what, where=origin, fix="Save the model again with Keras 3 or TensorFlow 2.")
