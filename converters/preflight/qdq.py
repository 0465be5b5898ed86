"""Whether explicit quantisation in an ONNX model is of the form TensorRT reads.

Source: NVIDIA TensorRT developer guide, "Working with quantized types" and "Explicit quantization": symmetric, so that
every zero point is 0; signed 8 bits; one scale a tensor for activations; a scale a channel for weights alone, along the
axis of output channels; scales are constants and positive. Operators that compute on integers are refused by name.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from converters.onnx_graph import Node, OnnxGraph
from converters.preflight.report import Refusal

_TYPES = ("INT8", "FLOAT8E4M3FN", "INT4", "FLOAT4E2M1")
_SYMMETRIC = "Quantise activations symmetrically, as int8: ActivationSymmetric in onnxruntime's extra options."
_WEIGHT_AXIS = {"Conv": 0, "ConvTranspose": 1, "Gemm": 0, "MatMul": 1}
"""The axis of output channels in the weights; Gemm's is 1 where the weights are not transposed."""


def qdq_problems(graph: OnnxGraph, source: str) -> Iterator[Refusal]:
    """Each thing that keeps a quantised graph from being read as such; nothing for a float graph."""
    for node in graph.nodes:
        if node.type in ("QuantizeLinear", "DequantizeLinear"):
            for cause, fix in _node_problems(graph, node):
                yield Refusal(operator=node.type, cause=cause, fix=fix, where=node.where, source=source)


def _node_problems(graph: OnnxGraph, node: Node) -> Iterator[tuple[str, str]]:
    weight = graph.stored(node.inputs[0]) is not None
    if _is_bias(graph, node):
        yield "a bias is quantised", "Leave biases in float: QuantizeBias off in onnxruntime's extra options."
        return
    scale = graph.array(node.inputs[1])
    if scale is None:
        yield "its scale is computed", "Quantise statically, with calibration pictures."
        return
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        yield "its scale is not a positive number", "Calibrate again: a layer answered nothing but zeros."
    zero = graph.array(node.inputs[2]) if len(node.inputs) > 2 and node.inputs[2] else None
    kind = _stored_type(graph, node)
    if kind and kind not in _TYPES:
        yield f"it quantises to {kind.lower()}", _SYMMETRIC
    elif zero is not None and np.any(zero != 0):
        yield f"its zero point is {int(np.ravel(zero)[np.flatnonzero(zero)[0]])}, not 0", _SYMMETRIC
    if scale.size > 1 and not weight:
        yield (
            "an activation has a scale a channel",
            "One scale a tensor for activations; a scale a channel for weights.",
        )
    elif scale.size > 1:
        yield from _axis_problems(graph, node)


def _stored_type(graph: OnnxGraph, node: Node) -> str:
    """The type on the quantised side; unsigned 8 bits where a QuantizeLinear says nothing, as the standard has it."""
    name = node.outputs[0] if node.type == "QuantizeLinear" else node.inputs[0]
    kind = graph.value(name).dtype
    if not kind and len(node.inputs) > 2 and node.inputs[2]:
        kind = graph.value(graph.origin(node.inputs[2])).dtype
    return kind


def _is_bias(graph: OnnxGraph, node: Node) -> bool:
    return node.type == "DequantizeLinear" and graph.value(graph.origin(node.inputs[0])).dtype == "INT32"


def _axis_problems(graph: OnnxGraph, node: Node) -> Iterator[tuple[str, str]]:
    rank = len(graph.value(graph.origin(node.inputs[0])).shape or ())
    axis = int(node.attributes.get("axis", 1))
    for reader in (each for each in graph.nodes if node.outputs[0] in each.inputs[1:2]):
        expected = _WEIGHT_AXIS.get(reader.type)
        if reader.type == "Gemm" and not reader.attributes.get("transB", 0):
            expected = 1
        if expected is not None and rank and axis % rank != expected:
            yield f"its scales lie along axis {axis}, not along output channels", "Quantise weights per output channel."
