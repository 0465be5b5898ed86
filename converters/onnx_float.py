"""Keras to ONNX in floating point, batch 1: the step before `converters/onnx_int8.py`.

Runs inside `converters.worker` only.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf2onnx

from contract.errors import ModelError
from converters.onnx_canonical import canonical_bytes

OPSET = 17
"""Every runtime the profiles name reads it; ONNX 1.12, written as IR 8."""


def to_onnx(model: Any, shape: tuple[int, ...], *, where: str) -> bytes:
    """`model` as canonical ONNX: float32 (1, *shape) in, float32 scores out. ModelError where tf2onnx refuses."""
    signature = (tf.TensorSpec((1, *shape), tf.float32, name="image"),)
    try:
        converted, _ = tf2onnx.convert.from_keras(model, input_signature=signature, opset=OPSET)
    except (ValueError, KeyError, TypeError, RuntimeError, NotImplementedError) as problem:
        raise ModelError(
            f"tf2onnx refused it: {problem}", where=where, fix="Use plain convolutions, Dense, pooling and ReLU."
        ) from problem
    return canonical_bytes(converted, where=where)
