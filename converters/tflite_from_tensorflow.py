"""TensorFlow to TFLite, in each of its ways to store numbers.

Runs inside `converters.worker` only. What comes out is named and ordered as the source has it
(`converters/tflite_ends.py`), and checked tensor by tensor by `converters/tflite_audit.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.lite.python.convert_phase import ConverterError

from contract.errors import ModelError
from converters.feeds import Feeds
from converters.recipe import CALIBRATED, Recipe
from converters.tensorflow_model import InlinedFunctions, Network
from converters.tflite_audit import audit
from converters.tflite_ends import check_there, converters_name, name_ends

_REFUSALS = (ConverterError, RuntimeError, ValueError)
"""The converter's own error, which TensorFlow exports nowhere else, and what the quantiser behind it raises."""
_OPERATORS = {
    "tflite-int8": tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
    "tflite-int16x8": tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
}
_ENDS = {"tflite-int8": tf.int8, "tflite-int16x8": tf.int16}
_FIXES = {
    "tflite-int8": "Use layers that have int8 kernels: convolutions, Dense, pooling, ReLU and ReLU6.",
    "tflite-int16x8": "Use layers that have 16-bit kernels: convolutions, Dense, pooling and ReLU.",
}


def to_tflite(network: Network, recipe: Recipe, feeds: Feeds, *, keep_float: Sequence[str] = (), where: str) -> bytes:
    """A `.tflite` of `network`, batch 1, as `recipe` says; its inputs and outputs bear the network's names.

    `keep_float` names layers of the float32 file that stay in floating point; their names are those of
    `converters/layer_errors.py`. Raises ModelError where the converter refuses, or writes something else than it was
    asked for.
    """
    with InlinedFunctions():
        function = network.function().get_concrete_function()
    converter = _converter(function, recipe, feeds)
    try:
        if keep_float:
            converted = _mixed(converter, feeds, [converters_name(name, network.outputs) for name in keep_float])
        else:
            converted = converter.convert()
    except _REFUSALS as problem:
        raise ModelError(
            f"the TFLite converter refused it: {str(problem).splitlines()[0]}",
            where=where,
            fix=_FIXES.get(recipe, "Use layers of TFLite's own operators, with fixed sizes."),
        ) from problem
    named = name_ends(converted, tuple(network.inputs), network.outputs, where=where)
    check_there(named, keep_float, where=where)
    audit(named, recipe, where=where, whole=False, kept_float=keep_float)
    return named


def _converter(function: Any, recipe: Recipe, feeds: Feeds) -> Any:
    """From a concrete function with batch 1: `from_keras_model` leaves the batch open and adds shape arithmetic.

    The Keras 3 model must not be handed over as trackable object: the converter then leaves its variables outside the
    file, which runs and answers nonsense (github.com/tensorflow/tensorflow/issues/98964).
    """
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    if recipe == "tflite-float32":
        return converter
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if recipe == "tflite-float16":
        converter.target_spec.supported_types = [tf.float16]
    if recipe in CALIBRATED:
        converter.representative_dataset = lambda: _one_by_one(feeds)
        converter.target_spec.supported_ops = [_OPERATORS[recipe]]
        converter.inference_input_type = converter.inference_output_type = _ENDS[recipe]
        # The Edge TPU and older runtimes read one scale a Dense layer (github.com/tensorflow/tflite-micro/pull/2602).
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    return converter


def _mixed(converter: Any, feeds: Feeds, keep_float: Sequence[str]) -> bytes:
    """By the quantiser's debugger, the one public way to leave layers out; it takes names of the float32 file."""
    options = tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=list(keep_float), fully_quantize=True)
    debugger = tf.lite.experimental.QuantizationDebugger(
        converter=converter, debug_dataset=lambda: _one_by_one(feeds), debug_options=options
    )
    converted: bytes = debugger.get_nondebug_quantized_model()
    return converted


def _one_by_one(feeds: Feeds) -> Iterator[list[NDArray[np.float32]]]:
    for feed in feeds:
        yield list(feed.values())
