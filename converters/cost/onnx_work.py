"""The work in an ONNX model, counted from its graph.

What runtimes do away with is counted as nothing: quantisation and dequantisation around an operator they compute in 8
bits, normalisation and activation behind a convolution. Open sizes count once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod

from converters.onnx_graph import Node, OnnxGraph, Value
from devices.cost.memory import Life
from devices.cost.work import Kind, Work, kind_of

_FREE = ("Constant", "Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Shape")
_FREE_AROUND = ("QuantizeLinear", "DequantizeLinear")
_FUSED = ("BatchNormalization", "Clip", "LeakyRelu", "Relu")
_FUSED_BEHIND = ("BatchNormalization", "Conv", "ConvTranspose", "Gemm")
_HOST = ("NonMaxSuppression",)
_BYTES = {
    "FLOAT": 4,
    "FLOAT16": 2,
    "BFLOAT16": 2,
    "INT8": 1,
    "UINT8": 1,
    "BOOL": 1,
    "INT32": 4,
    "INT64": 8,
    "DOUBLE": 8,
}
Counted = tuple[Kind, int]


def works_of(graph: OnnxGraph) -> list[Work]:
    """The work of each node but those that only name a constant."""
    return [_work(graph, node) for node in graph.nodes if node.type != "Constant"]


def _work(graph: OnnxGraph, node: Node) -> Work:
    weights = _weights(graph, node)
    count = _COUNTED.get(node.type)
    kind, macs = count(graph, node) if count else (("host" if node.type in _HOST else "move"), 0)
    computed = [graph.value(name) for name in node.inputs if name and graph.stored(name) is None]
    outputs = [graph.value(name) for name in node.outputs if name]
    return Work(
        operator=node.type,
        where=node.where,
        kind=kind,
        macs=macs,
        parameters=sum(value.elements for value in weights),
        parameters_bytes=sum(size_bytes(value) for value in weights),
        moved=0 if _is_free(graph, node) else sum(value.elements for value in (*computed, *outputs)),
    )


def _is_free(graph: OnnxGraph, node: Node) -> bool:
    if node.type in _FUSED:
        before = graph.before(node.inputs[0])
        return before is not None and before.type in _FUSED_BEHIND
    moved_on = bool(node.outputs) and graph.origin(node.outputs[0]) != node.outputs[0]
    return moved_on or node.type in (*_FREE, *_FREE_AROUND)


def _weights(graph: OnnxGraph, node: Node) -> list[Value]:
    if node.type not in _COUNTED and node.type not in ("Add", "Mul", "BatchNormalization", "PRelu"):
        return []
    sources = [graph.stored(name) for name in node.inputs if name]
    return [graph.value(name) for name in sources if name is not None]


def _shape(graph: OnnxGraph, name: str) -> tuple[int, ...]:
    return tuple(size or 1 for size in graph.value(name).shape or ())


def _conv(graph: OnnxGraph, node: Node) -> Counted:
    weights, output = _shape(graph, node.inputs[1]), graph.value(node.outputs[0]).elements
    groups = int(node.attributes.get("group", 1))
    macs = output * prod(weights[1:])
    if groups > 1 and weights[1:2] == (1,):
        return "depthwise", macs
    taps = (*weights[2:], 1, 1)[:2]
    strides = tuple(node.attributes.get("strides", (1, 1)))
    dilations = tuple(node.attributes.get("dilations", (1, 1)))
    plain = groups == 1 and len(strides) == len(dilations) == 2
    return (kind_of((taps[0], taps[1]), strides, dilations) if plain else "conv"), macs


def _conv_transpose(graph: OnnxGraph, node: Node) -> Counted:
    return "conv", graph.value(node.inputs[0]).elements * prod(_shape(graph, node.inputs[1])[1:])


def _gemm(graph: OnnxGraph, node: Node) -> Counted:
    first = _shape(graph, node.inputs[0])
    inner = first[0 if node.attributes.get("transA") else -1] if first else 1
    return "conv", graph.value(node.outputs[0]).elements * inner


def _matmul(graph: OnnxGraph, node: Node) -> Counted:
    inner = (_shape(graph, node.inputs[0]) or (1,))[-1]
    return "conv", graph.value(node.outputs[0]).elements * inner


_COUNTED: Mapping[str, Callable[[OnnxGraph, Node], Counted]] = {
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Gemm": _gemm,
    "MatMul": _matmul,
}


def size_bytes(value: Value) -> int:
    """What a value takes in memory; nothing where its type is unknown."""
    return value.elements * _BYTES.get(value.dtype, 0)


def onnx_lives(graph: OnnxGraph) -> list[Life]:
    """Of every value that is fed or computed."""
    last_step = len(graph.nodes)
    first = {value.name: 0 for value in graph.inputs}
    last = dict(first)
    for step, node in enumerate(graph.nodes):
        for name in node.inputs:
            if name and name not in graph.constants:
                last[name] = step
        for name in node.outputs:
            if name and name not in graph.constants:
                first.setdefault(name, step)
                last.setdefault(name, step)
    ends = {value.name for value in graph.outputs}
    return [
        Life(size_bytes(graph.value(name)), begin, last_step if name in ends else last[name])
        for name, begin in first.items()
    ]
