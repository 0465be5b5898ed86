"""A SavedModel folder by its signature `serving_default`, loaded and checked.

Runs inside `converters.worker` only: importing this file imports TensorFlow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from contract.errors import ModelError
from contract.manifest import State
from converters.feeds import picture_name
from converters.tensorflow_model import Network

SIGNATURE = "serving_default"


def load(path: Path, picture: tuple[int, ...], outputs: tuple[str, ...], states: Sequence[State] = ()) -> Network:
    """The SavedModel in `path`; `picture` and `outputs` as in `keras_model.load`, outputs by the signature's names.

    Raises ModelError for a folder that is none, without that signature, or with other inputs or outputs.
    """
    loaded = opened(path, str(path))
    signature = loaded.signatures[SIGNATURE]
    specs = signature.structured_input_signature[1]
    given = picture_name(tuple(specs), states)
    if missing := set(outputs) ^ set(signature.structured_outputs):
        raise _refused(f"its outputs are {', '.join(signature.structured_outputs)}: {sorted(missing)[0]!r}", path)
    shapes = {name: _shape(spec, picture if name == given else (), path) for name, spec in specs.items()}

    def call(tensors: Mapping[str, Any]) -> Sequence[Any]:
        # Through `loaded`: a signature's variables live as long as what they were loaded into, and no longer.
        serve = loaded.signatures[SIGNATURE]
        found = serve(**{name: tf.cast(tensors[name], spec.dtype) for name, spec in specs.items()})
        return [found[name] for name in outputs]

    return Network(shapes, outputs, call, any_batch=all(spec.shape[:1] == [None] for spec in specs.values()))


def opened(path: Path, where: str) -> Any:
    """The SavedModel in the folder `path`; ModelError for a folder that is none, or without the signature."""
    fix = "Save the model again with Keras 3 or TensorFlow 2."
    try:
        loaded = tf.saved_model.load(path)
    except (OSError, ValueError, KeyError, tf.errors.OpError) as problem:
        reason = (str(problem) or type(problem).__name__).splitlines()[0][:300]
        raise ModelError(f"TensorFlow cannot load it: {reason}", where=where, fix=fix) from problem
    if SIGNATURE not in loaded.signatures:
        there = ", ".join(loaded.signatures) or "none"
        raise ModelError(f"it has no signature {SIGNATURE!r} (there: {there})", where=where, fix=fix)
    return loaded


def _shape(spec: Any, picture: tuple[int, ...], path: Path) -> tuple[int, ...]:
    """With batch 1, and what the signature leaves open as the pictures are."""
    if spec.shape.rank is None or (picture and len(picture) != spec.shape.rank - 1):
        raise _refused(f"its input {spec.name!r} is {spec.shape}, the pictures are {picture}", path)
    known = picture or (1,) * (spec.shape.rank - 1)
    sizes = [size or fallback for size, fallback in zip(spec.shape[1:].as_list(), known, strict=True)]
    if picture and tuple(sizes) != picture:
        raise _refused(f"its input {spec.name!r} is {spec.shape}, the pictures are {picture}", path)
    return (1, *sizes)


def _refused(what: str, path: Path) -> ModelError:
    return ModelError(what, where=str(path), fix="Export the model again, or correct its model card.")
