"""Keras to TFLite, 8 bits from the first byte to the last.

Runs inside `converters.worker` only. The result is checked tensor by tensor by `converters/tflite_audit.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from contract.errors import ModelError
from converters.tflite_audit import audit


def to_tflite(model: Any, calibration: NDArray[np.float32], *, where: str) -> bytes:
    """A full-int8 `.tflite` of `model`, batch 1, int8 in and out.

    `calibration` is (N, H, W, C) float32 as the model is fed. Raises ModelError where the converter refuses, or
    writes something that is not int8 throughout.
    """
    converter = _converter(model, calibration)
    try:
        converted: bytes = converter.convert()
    except (tf.lite.experimental.ConverterError, RuntimeError, ValueError) as problem:
        raise ModelError(
            f"the TFLite converter refused it: {str(problem).splitlines()[0]}",
            where=where,
            fix="Use layers that have int8 kernels: convolutions, Dense, pooling, ReLU and ReLU6.",
        ) from problem
    audit(converted, where=where)
    return converted


def _converter(model: Any, calibration: NDArray[np.float32]) -> Any:
    """From a concrete function with batch 1: `from_keras_model` leaves the batch open and adds shape arithmetic.

    The Keras 3 model must not be handed over as trackable object: the converter then leaves its variables outside the
    file, which runs and answers nonsense (github.com/tensorflow/tensorflow/issues/98964).
    """
    signature = tf.TensorSpec((1, *calibration.shape[1:]), tf.float32, name="image")
    answer = tf.function(lambda image: model(image, training=False), input_signature=[signature])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([answer.get_concrete_function()])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: _one_by_one(calibration)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    # The Edge TPU and older runtimes read one scale a Dense layer (github.com/tensorflow/tflite-micro/pull/2602).
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    return converter


def _one_by_one(calibration: NDArray[np.float32]) -> Iterator[list[NDArray[np.float32]]]:
    for picture in calibration:
        yield [picture[np.newaxis]]
