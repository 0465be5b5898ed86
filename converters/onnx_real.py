"""Ends and insides of QDQ graphs back to real numbers: what a quantised model means, without rounding between layers.

Runs inside `converters.worker` only. `real_ends` makes float32 of 8-bit inputs and outputs, as all ONNX artifacts have;
`real_insides` drops every pair of QuantizeLinear and DequantizeLinear and writes weights out as the real numbers they
stand for. The clipping of a quantised activation goes with it; activations of the network itself (ReLU6) are operators
of their own and stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from contract.manifest import TensorSpec
from converters.onnx_audit import audit
from converters.onnx_canonical import canonical


def real_ends(model: Any, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> None:
    """Change `model` so that its 8-bit inputs and outputs are float32 of the same names; others stay.

    `inputs` and `outputs` say, in the model's order, by which scale and zero point they were stored.
    """
    graph = model.graph
    for value, spec in zip(graph.input, inputs, strict=True):
        if spec.quantization is not None:
            _put_in_front(graph, value, spec)
    for value, spec in zip(graph.output, outputs, strict=True):
        if spec.quantization is not None:
            _put_behind(graph, value, spec)


def real_insides(path: Path, *, where: str) -> bytes:
    """The QDQ model in `path` as canonical float32. ModelError where an operator is left that reads whole numbers."""
    model = onnx.load(str(path))
    graph = model.graph
    inputs, outputs = [value.name for value in graph.input], [value.name for value in graph.output]
    constants = _constants(graph)
    instead: dict[str, str] = {}
    stored = {node.output[0] for node in graph.node if node.op_type == "QuantizeLinear"}
    kept = []
    for node in graph.node:
        # Some exporters cast the bytes to bytes again.
        cast = node.op_type == "Cast" and node.input[0] in stored
        node.input[:] = [instead.get(name, name) for name in node.input]
        if node.op_type == "QuantizeLinear":
            instead[node.output[0]] = node.input[0]
        elif node.op_type == "DequantizeLinear" and node.input[0] in constants:
            real = _dequantised(node, constants)
            graph.initializer.append(onnx.numpy_helper.from_array(real, node.output[0]))
        elif node.op_type == "DequantizeLinear" or cast:
            instead[node.output[0]] = node.input[0]
        else:
            kept.append(node)
    kept += [onnx.helper.make_node("Identity", [instead[name]], [name]) for name in outputs if name in instead]
    del graph.node[:]
    graph.node.extend(kept)
    made = canonical(model, inputs=inputs, outputs=outputs, where=where)
    audit(made, "onnx-float32", where=where)
    return bytes(made.SerializeToString(deterministic=True))


def _constants(graph: Any) -> dict[str, NDArray[Any]]:
    """Numbers that stand in the file, as initializers or as nodes."""
    found = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            tensors = [each.t for each in node.attribute if each.name == "value"]
            found |= dict(zip(node.output, map(onnx.numpy_helper.to_array, tensors), strict=False))
    return found


def _put_in_front(graph: Any, value: Any, spec: TensorSpec) -> None:
    """A QuantizeLinear after a float32 input, for everything that read the 8-bit one."""
    inner = _set_apart(graph, value)
    stored = onnx.helper.make_node("QuantizeLinear", [value.name, *_scale(graph, spec, "input")], [inner])
    graph.node.insert(0, stored)


def _put_behind(graph: Any, value: Any, spec: TensorSpec) -> None:
    """A DequantizeLinear before a float32 output."""
    inner = _set_apart(graph, value)
    for node in graph.node:
        node.output[:] = [inner if name == value.name else name for name in node.output]
    graph.node.append(onnx.helper.make_node("DequantizeLinear", [inner, *_scale(graph, spec, "output")], [value.name]))


def _set_apart(graph: Any, value: Any) -> str:
    """Give the readers of an end another name for it, and the end itself to float32."""
    inner = f"{value.name}/stored"
    for node in graph.node:
        node.input[:] = [inner if name == value.name else name for name in node.input]
    value.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    return inner


def _scale(graph: Any, spec: TensorSpec, role: str) -> list[str]:
    """New constants for scale and zero point; their names."""
    assert spec.quantization is not None
    numbers = (np.float32(spec.quantization.scale), np.dtype(spec.dtype).type(spec.quantization.zero_point))
    names = [f"{role}/{spec.name}/{what}" for what in ("scale", "zero_point")]
    graph.initializer.extend(
        onnx.numpy_helper.from_array(np.asarray(number), name) for number, name in zip(numbers, names, strict=True)
    )
    return names


def _dequantised(node: Any, constants: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
    """Real numbers: scale * (stored - zero point), along the node's axis where there is a scale a channel."""
    stored, scale, *zero_point = (constants[name] for name in node.input if name)
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
    along = [-1 if place == axis % max(stored.ndim, 1) else 1 for place in range(stored.ndim)]
    offset = zero_point[0] if zero_point else np.zeros_like(scale, np.int64)
    if scale.ndim:
        scale, offset = scale.reshape(along), np.asarray(offset).reshape(along)
    real: NDArray[np.float32] = ((stored.astype(np.float64) - offset.astype(np.float64)) * scale).astype(np.float32)
    return real
