"""The floating-point original: loaded once, checked, and asked for its answers.

Runs inside `converters.worker` only: importing this file imports TensorFlow.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from contract.errors import ModelError

BATCH = 64


def load(path: Path, shape: tuple[int, ...]) -> Any:
    """The Keras model in `path`, as a Functional model (a Sequential is wrapped: tf2onnx knows no other).

    `shape` is (height, width, channels) of the pictures it will be fed. Raises ModelError for a file that is no
    Keras model, has another input than that, or more than one output.
    """
    try:
        model = keras.models.load_model(path, compile=False)
    except (ValueError, TypeError, KeyError, OSError, zipfile.BadZipFile) as problem:
        raise _refused(f"Keras cannot load it: {str(problem).splitlines()[0]}", path) from problem
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise _refused(f"{len(model.inputs)} inputs and {len(model.outputs)} outputs, expected one each", path)
    if tuple(model.inputs[0].shape[1:]) != shape:
        raise _refused(f"its input is {tuple(model.inputs[0].shape[1:])}, the run's pictures are {shape}", path)
    if isinstance(model, keras.Sequential):
        return keras.Model(model.inputs, model.outputs)
    return model


def float_answers(model: Any, real: NDArray[np.float32]) -> NDArray[np.float32]:
    """What `model` says to `real` (N, H, W, C): float32 (N, classes)."""
    parts = [np.asarray(model(real[at : at + BATCH], training=False)) for at in range(0, len(real), BATCH)]
    return np.concatenate(parts).astype(np.float32)


def _refused(what: str, path: Path) -> ModelError:
    return ModelError(what, where=str(path), fix="Train again: edgeferry train PATH --task classify --out RUN")
