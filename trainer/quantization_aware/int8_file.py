"""A network as a full-int8 TFLite file, for measuring what its rounding costs; converters make the files of bundles.

Both ways start from a concrete function of batch 1, and the Keras model is not handed over as trackable object: the
converter then leaves the weights outside the file (github.com/tensorflow/tensorflow/issues/98964).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from contract.manifest import Preprocessing
from edge.preprocess import real_values
from trainer.learning.framework import quiet_stderr

_SHOWN = 256
"""Calibration pictures at most."""


def int8_file(model: keras.Model) -> bytes:
    """A `.tflite` of the quantised clone `model`, int8 from end to end; every scale is the clone's own."""
    return _converted(model)


def calibrated_int8_file(model: keras.Model, pictures: NDArray[np.float32]) -> bytes:
    """A `.tflite` of the float `model`, int8 from end to end, calibrated on real-valued `pictures` (N, H, W, C)."""

    def calibrating(converter: Any) -> None:
        converter.representative_dataset = lambda: ([picture[None]] for picture in pictures[:_SHOWN])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        # As converters have it: one scale a Dense, which the Edge TPU and older runtimes read.
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True

    return _converted(model, calibrating)


def file_scores(file: bytes, frames: NDArray[np.uint8], prep: Preprocessing) -> NDArray[np.float32]:
    """Scores (N, classes) of an int8 `file` with one input and one output, for fitted pictures (N, H, W, C)."""
    from ai_edge_litert.interpreter import Interpreter

    with quiet_stderr():  # its delegate introduces itself
        interpreter = Interpreter(model_content=file)
        interpreter.allocate_tensors()
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    in_scale, in_zero = taken["quantization"]
    out_scale, out_zero = given["quantization"]
    found = []
    for frame in frames:
        stored = np.rint(real_values(frame, prep) / in_scale + in_zero)
        interpreter.set_tensor(taken["index"], np.clip(stored, -128, 127).astype(np.int8)[None])
        interpreter.invoke()
        found.append(interpreter.get_tensor(given["index"])[0])
    scores: NDArray[np.float32] = (np.stack(found).astype(np.float32) - out_zero) * np.float32(out_scale)
    return scores


def _converted(model: keras.Model, prepare: Callable[[Any], None] = lambda _: None) -> bytes:
    shape = (1, *model.input_shape[1:])
    signature = [tf.TensorSpec(shape, tf.float32, name="pictures")]
    function = tf.function(lambda pictures: model(pictures, training=False), input_signature=signature)
    with quiet_stderr(), warnings.catch_warnings():
        # It asks for what only quantised inputs of TensorFlow 1 had.
        warnings.filterwarnings("ignore", message="Statistics for quantized inputs were expected")
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        prepare(converter)
        converted: bytes = converter.convert()
    return converted
