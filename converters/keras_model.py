"""A `.keras` file, loaded and checked: Functional, Sequential or subclassed, with one output or several.

Runs inside `converters.worker` only: importing this file imports TensorFlow.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from contract.errors import ModelError
from contract.manifest import State
from converters.feeds import PICTURE, picture_name
from converters.tensorflow_model import Network


def load(path: Path, picture: tuple[int, ...], outputs: tuple[str, ...], states: Sequence[State] = ()) -> Network:
    """The Keras model in `path`.

    `picture` is the shape of what it will be fed, (H, W, C) or in another layout; `outputs` are names for its outputs
    in their order. Raises ModelError for a file that is no Keras model, or has other inputs or outputs than that.
    """
    try:
        model = keras.models.load_model(path, compile=False)
    except (ValueError, TypeError, KeyError, OSError, zipfile.BadZipFile) as problem:
        raise _refused(f"Keras cannot load it: {str(problem).splitlines()[0]}", path) from problem
    if isinstance(model, keras.Sequential):
        # One that was only loaded knows its inputs and not how it is called.
        model = keras.Model(model.inputs, model.outputs)
    inputs = {tensor.name: tensor for tensor in model.inputs}
    given = picture_name(tuple(inputs), states)
    _check_picture(tuple(inputs[given].shape[1:]), picture, path)
    if len(model.outputs) != len(outputs):
        raise _refused(f"{len(model.outputs)} outputs, expected {len(outputs)} ({', '.join(outputs)})", path)
    # By position, as two layers may bear one name; a Functional model has its inputs in the order of its call.
    names = [PICTURE if name == given else name for name in inputs]
    shapes = {
        name: (1, *(size or known for size, known in zip(tensor.shape[1:], _sizes(name, tensor, picture), strict=True)))
        for name, tensor in zip(names, inputs.values(), strict=True)
    }

    def call(tensors: Mapping[str, Any]) -> Sequence[Any]:
        fed = keras.tree.pack_sequence_as(model.input, [tensors[name] for name in names])
        return list(keras.tree.flatten(model(fed, training=False)))

    return Network(shapes, outputs, call, any_batch=all(tensor.shape[0] is None for tensor in inputs.values()))


def _sizes(name: str, tensor: Any, picture: tuple[int, ...]) -> tuple[int, ...]:
    """For sizes the model leaves open."""
    return picture if name == PICTURE else tuple(1 for _ in tensor.shape[1:])


def _check_picture(shape: tuple[int | None, ...], picture: tuple[int, ...], path: Path) -> None:
    fits = len(shape) == len(picture) and all(size in (None, known) for size, known in zip(shape, picture, strict=True))
    if not fits:
        raise _refused(f"its input is {shape}, the pictures are {picture}", path)


def _refused(what: str, path: Path) -> ModelError:
    return ModelError(what, where=str(path), fix="Save the model again, or correct its model card.")
