"""The work in a `.tflite`, counted from its graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod

from converters.tflite_graph import Graph, Operator, Tensor
from devices.cost.memory import Life
from devices.cost.work import Kind, Work, kind_of

Counted = tuple[Kind, int]
_NUMBERS = ("INT4", "INT8", "UINT8", "INT16", "FLOAT16", "BFLOAT16", "FLOAT32")
_FREE = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
"""They give a tensor another shape and leave it where it is."""


def works_of(graph: Graph) -> list[Work]:
    """The work of each operator, in the file's order."""
    return [work_of(operator) for operator in graph.operators]


def work_of(operator: Operator) -> Work:
    """One operator's. Its weights are read once; 8 bits or 32, a number counts as one."""
    count = _COUNTED.get(operator.name)
    kind, macs = count(operator) if count and _weights(operator) else _uncounted(operator)
    weights = [tensor for tensor in operator.given if tensor.constant and _multiplied(tensor)]
    constants = [tensor for tensor in operator.given if tensor.constant]
    moved = sum(tensor.elements for tensor in (*operator.computed, *operator.outputs))
    if operator.name in _FREE:
        moved = 0
    if kind == "host":
        moved = sum(tensor.elements for tensor in operator.computed)
    return Work(
        operator=operator.name,
        where=operator.where,
        kind=kind,
        macs=macs,
        parameters=sum(tensor.elements for tensor in weights),
        parameters_bytes=sum(tensor.size_bytes for tensor in constants),
        moved=moved,
    )


def _multiplied(tensor: Tensor) -> bool:
    """Weights and biases, and not a shape or an axis."""
    return tensor.type in _NUMBERS or (tensor.type == "INT32" and bool(tensor.scales))


def _weights(operator: Operator) -> Tensor | None:
    """What is multiplied with the input; None where there is nothing of the kind."""
    tensor = operator.inputs[1] if len(operator.inputs) > 1 else None
    return tensor if tensor is not None and len(tensor.shape) >= 2 and _multiplied(tensor) else None


def _uncounted(operator: Operator) -> Counted:
    return ("host" if operator.name.startswith("CUSTOM:") else "move"), 0


def _taps(operator: Operator) -> tuple[int, int]:
    weights = _weights(operator)
    assert weights is not None
    return weights.shape[1], weights.shape[2]


def _conv(operator: Operator) -> Counted:
    weights = _weights(operator)
    assert weights is not None
    stride = operator.option("strideH", 1), operator.option("strideW", 1)
    dilation = operator.option("dilationHFactor", 1), operator.option("dilationWFactor", 1)
    return kind_of(_taps(operator), stride, dilation), operator.outputs[0].elements * prod(weights.shape[1:])


def _depthwise(operator: Operator) -> Counted:
    return "depthwise", operator.outputs[0].elements * prod(_taps(operator))


def _dense(operator: Operator) -> Counted:
    weights = _weights(operator)
    assert weights is not None
    return "conv", operator.outputs[0].elements * weights.shape[-1]


def _transpose_conv(operator: Operator) -> Counted:
    """Each input number meets every tap of every output channel: weights are (channels, height, width, depth)."""
    weights, source = operator.inputs[1], operator.inputs[2]
    assert weights is not None
    assert source is not None
    return "conv", source.elements * prod(weights.shape[:3])


def _product(operator: Operator) -> Counted:
    """A product of two activations: inner size times the output."""
    inner = operator.given[0].shape[-2 if operator.option("adjX", False) else -1]
    return "conv", operator.outputs[0].elements * inner


def _lstm(operator: Operator) -> Counted:
    """Eight matrices, once a step; steps are the second size of the input, or the first where time comes first."""
    matrices = sum(tensor.elements for tensor in operator.inputs[1:9] if tensor is not None)
    shape = operator.given[0].shape
    return "conv", matrices * shape[0 if operator.option("timeMajor", False) else 1]


_COUNTED: Mapping[str, Callable[[Operator], Counted]] = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _dense,
    "TRANSPOSE_CONV": _transpose_conv,
    "BATCH_MATMUL": _product,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm,
}


def tflite_lives(graph: Graph) -> list[Life]:
    """Of every tensor that is fed or computed."""
    last_step = len(graph.operators)
    first: dict[int, int] = {tensor.index: 0 for tensor in graph.inputs}
    last: dict[int, int] = {tensor.index: 0 for tensor in graph.inputs}
    for step, operator in enumerate(graph.operators):
        for tensor in operator.computed:
            first.setdefault(tensor.index, 0)
            last[tensor.index] = step
        for tensor in operator.outputs:
            first.setdefault(tensor.index, step)
            last[tensor.index] = max(last.get(tensor.index, 0), step)
    ends = {tensor.index for tensor in graph.outputs} | {tensor.index for tensor in graph.tensors if tensor.variable}
    return [
        Life(graph.tensors[index].size_bytes, begin, last_step if index in ends else last[index])
        for index, begin in first.items()
    ]
