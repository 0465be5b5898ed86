"""Float `.tflite` to any narrower one, for models of which nothing earlier is at hand: by LiteRT's own quantiser.

Runs inside `converters.worker` only; TensorFlow is not needed. Where there is a Keras model or SavedModel, TensorFlow's
converter is used instead: its files were nearer to the original for 11 of 12 networks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from litert_quantizer import qtyping, quantizer
from litert_quantizer.algorithm_manager import AlgorithmName
from litert_quantizer.qtyping import TFLOperationName

from contract.errors import ModelError
from converters.feeds import Feeds
from converters.recipe import CALIBRATED, Recipe
from converters.tflite_audit import audit
from converters.tflite_ends import check_there
from converters.tflite_tree import add_constant, builtin_code, names_of, operator_place, read_tree, write_tree

_ALL = TFLOperationName.ALL_SUPPORTED
_ACTIVATION_BITS = {"tflite-int8": 8, "tflite-int16x8": 16}


def quantise(path: Path, recipe: Recipe, feeds: Feeds, *, keep_float: Sequence[str] = (), where: str) -> bytes:
    """The float model in `path` (with a signature) as `recipe` says, under the same names.

    `keep_float` names layers by their output tensors, as `converters/layer_errors.py` does. Raises ModelError where the
    quantiser refuses, or leaves something else than it was asked for.
    """
    model = _with_reshapes(path.read_bytes(), where)
    key, inputs = _signature(model, where)
    check_there(model, keep_float, where=where)
    made = quantizer.Quantizer(bytearray(model))
    _ask(made, recipe)
    for name in keep_float:
        made.update_quantization_recipe(re.escape(name), _ALL, algorithm_key=AlgorithmName.NO_QUANTIZE)
    try:
        ranges = None
        if recipe in CALIBRATED:
            ranges = made.calibrate({key: _Named(feeds, inputs)}, num_threads=1)
        quantised = bytes(made.quantize(ranges, enable_progress_report=False).quantized_model)
    except (ValueError, RuntimeError, KeyError, NotImplementedError) as problem:
        raise ModelError(
            f"LiteRT's quantiser refused it: {' '.join(str(problem).split())[:300]}",
            where=where,
            fix="Use layers that have int8 kernels, or convert the model from where it was trained.",
        ) from problem
    # Its weights stand behind the flatbuffer, where runtimes before LiteRT do not look: written anew, they are inside.
    quantised = write_tree(read_tree(quantised, where=where), attached_to=model)
    audit(quantised, recipe, where=where, whole=False, kept_float=keep_float)
    return quantised


def _with_reshapes(model: bytes, where: str) -> bytes:
    """SQUEEZE and EXPAND_DIMS as the RESHAPE they are: the quantiser knows no other, and would leave them in float."""
    tree = read_tree(model, where=where)
    graph = tree.subgraphs[0]
    names = names_of(schema.BuiltinOperator)
    for operator in graph.operators:
        if names.get(builtin_code(tree.operatorCodes[operator.opcodeIndex])) not in ("SQUEEZE", "EXPAND_DIMS"):
            continue
        shape = np.asarray(graph.tensors[operator.outputs[0]].shape, np.int32)
        operator.opcodeIndex = operator_place(tree, schema.BuiltinOperator.RESHAPE)
        operator.inputs = np.asarray([operator.inputs[0], add_constant(tree, "shape", shape)], np.int32)
        operator.builtinOptionsType = schema.BuiltinOptions.ReshapeOptions
        operator.builtinOptions = schema.ReshapeOptionsT()
        operator.builtinOptions.newShape = shape
    return write_tree(tree, attached_to=b"")


class _Named:
    """Feeds under the names of the signature, which may differ from those of its tensors; read several times."""

    def __init__(self, feeds: Feeds, inputs: dict[str, str]) -> None:
        self._feeds, self._inputs = feeds, inputs

    def __len__(self) -> int:
        return len(self._feeds)

    def __iter__(self) -> Any:
        for feed in self._feeds:
            yield {self._inputs[name]: array for name, array in feed.items()}


def _ask(made: Any, recipe: Recipe) -> None:
    """Say what `recipe` means in the quantiser's words."""
    if recipe == "tflite-float16":
        half = qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT)
        config = qtyping.OpQuantizationConfig(
            weight_tensor_config=half,
            compute_precision=qtyping.ComputePrecision.FLOAT,
            explicit_dequantize=True,
        )
        made.update_quantization_recipe(".*", _ALL, config, AlgorithmName.FLOAT_CASTING)
        return
    if recipe == "tflite-dynamic":
        made.add_dynamic_config(".*", _ALL, 8)
        return
    bits = _ACTIVATION_BITS[recipe]
    made.add_static_config(".*", _ALL, bits, 8)
    # One scale a Dense layer, as the Edge TPU and older runtimes read it.
    one = qtyping.QuantGranularity.TENSORWISE
    made.add_static_config(".*", TFLOperationName.FULLY_CONNECTED, bits, 8, weight_granularity=one)


def _signature(model: bytes, where: str) -> tuple[str, dict[str, str]]:
    """Its key, and the signature's input names by those of the tensors."""
    tree = read_tree(model, where=where)
    signature, graph = tree.signatureDefs[0], tree.subgraphs[0]
    names = {graph.tensors[entry.tensorIndex].name.decode(): entry.name.decode() for entry in signature.inputs}
    return signature.signatureKey.decode(), names
