"""A floating-point model saved, opened, and asked about fitted pictures."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from contract.errors import ModelError
from contract.manifest import Preprocessing
from edge.preprocess import real_values

_BATCH = 256


def open_keras(path: Path) -> keras.Model:
    """The model in a `.keras` file, or ModelError."""
    try:
        return keras.models.load_model(path, compile=False)
    except (ValueError, TypeError, KeyError, OSError) as problem:
        reason = str(problem).splitlines()[0]
        raise ModelError(f"not a Keras model: {reason}", where=str(path), fix="Train again.") from problem


def save_keras(model: keras.Model, path: Path) -> None:
    """Write `model` as a `.keras` file without its optimizer, whose state would triple it."""
    keras.Model(model.input, model.output, name=model.name).save(path)


def scores_of(model: keras.Model, frames: NDArray[np.uint8], prep: Preprocessing) -> NDArray[np.float32]:
    """Scores (N, classes) for fitted pictures (N, H, W, C), normalised by the code converters use as well."""
    chunks = (frames[start : start + _BATCH] for start in range(0, len(frames), _BATCH))
    return np.concatenate([np.asarray(model(real_values(chunk, prep), training=False)) for chunk in chunks])
