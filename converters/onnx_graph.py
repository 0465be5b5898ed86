"""An ONNX model with the shape and type of every value worked out, for files that look at a graph and change nothing.

Shapes come from the model's own and from `onnx.shape_inference`. The library is imported when a model is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.errors import MissingPartError, ModelError

STANDARD = ("", "ai.onnx")


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """What flows between nodes; `shape` has None for a size left open, and is None where nothing is known."""

    name: str
    dtype: str
    """As TensorProto names it: `FLOAT`, `INT8` …; empty where nothing is known."""
    shape: tuple[int | None, ...] | None

    @property
    def elements(self) -> int:
        """How many numbers it holds; an open size counts once, and an unknown shape nothing."""
        return 0 if self.shape is None else int(np.prod([size or 1 for size in self.shape], dtype=np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One operator."""

    index: int
    type: str
    domain: str
    name: str
    inputs: tuple[str, ...]
    """Empty strings where an optional one is left out."""
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    @property
    def where(self) -> str:
        """For messages."""
        return self.name or (self.outputs[0] if self.outputs else self.type)


@dataclass(frozen=True, slots=True, eq=False)
class OnnxGraph:
    """A model."""

    nodes: tuple[Node, ...]
    values: Mapping[str, Value]
    constants: Mapping[str, Any]
    """TensorProtos by name: initializers, and outputs of Constant nodes."""
    inputs: tuple[Value, ...]
    """Without initializers."""
    outputs: tuple[Value, ...]
    opset: int
    """Of the standard operators."""
    ir_version: int
    makers: Mapping[str, Node]
    """By value, the node that computes it."""

    def value(self, name: str) -> Value:
        """The value called `name`, of unknown type and shape where the model says neither."""
        return self.values.get(name) or Value(name, "", None)

    def origin(self, name: str) -> str:
        """The value that `name` only passes on: behind Identity, and behind a Cast to the type it already had."""
        maker = self.makers.get(name)
        while maker is not None and self._passes_on(maker):
            name = maker.inputs[0]
            maker = self.makers.get(name)
        return name

    def _passes_on(self, node: Node) -> bool:
        same = self.value(node.inputs[0]).dtype == self.value(node.outputs[0]).dtype if node.inputs else False
        return node.type == "Identity" or (node.type == "Cast" and same)

    def stored(self, name: str) -> str | None:
        """The constant behind `name`, which may be dequantised on its way; None for what is computed."""
        name = self.origin(name)
        maker = self.makers.get(name)
        if maker is not None and maker.type == "DequantizeLinear":
            name = self.origin(maker.inputs[0])
        return name if name in self.constants else None

    def before(self, name: str) -> Node | None:
        """The node that computes `name`, seen through quantisation; None for inputs and constants."""
        maker = self.makers.get(self.origin(name))
        while maker is not None and maker.type in ("QuantizeLinear", "DequantizeLinear"):
            maker = self.makers.get(self.origin(maker.inputs[0]))
        return maker

    def array(self, name: str) -> NDArray[Any] | None:
        """A constant's numbers; None for what is computed."""
        from onnx import numpy_helper

        proto = self.constants.get(self.origin(name))
        return None if proto is None else np.asarray(numpy_helper.to_array(proto))

    @property
    def parameters_bytes(self) -> int:
        """Of all constants."""
        return sum(_stored_bytes(proto) for proto in self.constants.values())


def read_onnx(model: bytes, *, where: str) -> OnnxGraph:
    """The graph of `model`. ModelError for what is no ONNX file, is damaged, or keeps weights elsewhere."""
    proto = _parsed(model, where)
    if any(tensor.data_location == 1 for tensor in proto.graph.initializer):
        raise ModelError("its weights are in another file", where=where, fix="Save the model with its weights inside.")
    graph = proto.graph
    constants = {tensor.name: tensor for tensor in graph.initializer} | dict(_constant_nodes(graph))
    values = {value.name: value for value in _values(graph)}
    for name, tensor in constants.items():
        values[name] = Value(name, _type_name(tensor.data_type), tuple(tensor.dims))
    nodes = tuple(_nodes(graph))
    return OnnxGraph(
        nodes=nodes,
        values=values,
        constants=constants,
        inputs=tuple(values[value.name] for value in graph.input if value.name not in constants),
        outputs=tuple(values[value.name] for value in graph.output),
        opset=max((entry.version for entry in proto.opset_import if entry.domain in STANDARD), default=0),
        ir_version=proto.ir_version,
        makers={name: node for node in nodes for name in node.outputs},
    )


def _parsed(model: bytes, where: str) -> Any:
    try:
        import onnx
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
        from onnx import shape_inference
    except ImportError as problem:
        raise MissingPartError(
            "onnx is not installed", where=where, fix="pip install 'edgeferry[converters]'"
        ) from problem
    try:
        proto = onnx.load_from_string(model)
    except DecodeError as problem:
        raise ModelError("not an ONNX file", where=where, fix="Convert the model again.") from problem
    if not proto.graph.node or not proto.graph.output:
        raise ModelError("an ONNX file without a graph", where=where, fix="Convert the model again.")
    try:
        return shape_inference.infer_shapes(proto)
    except shape_inference.InferenceError as problem:
        raise ModelError("shapes that contradict each other", where=where, fix="Convert the model again.") from problem


def _constant_nodes(graph: Any) -> Iterator[tuple[str, Any]]:
    for node in graph.node:
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.name == "value":
                    yield node.output[0], attribute.t


def _values(graph: Any) -> Iterator[Value]:
    for value in (*graph.value_info, *graph.input, *graph.output):
        tensor = value.type.tensor_type
        shape = None
        if tensor.HasField("shape"):
            shape = tuple(size.dim_value if size.HasField("dim_value") else None for size in tensor.shape.dim)
        yield Value(value.name, _type_name(tensor.elem_type), shape)


def _nodes(graph: Any) -> Iterator[Node]:
    from onnx import helper

    for index, node in enumerate(graph.node):
        yield Node(
            index=index,
            type=node.op_type,
            domain=node.domain,
            name=node.name,
            inputs=tuple(node.input),
            outputs=tuple(node.output),
            attributes={attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute},
        )


def _type_name(number: int) -> str:
    from onnx import TensorProto

    return str(TensorProto.DataType.Name(number)) if number else ""


def _stored_bytes(proto: Any) -> int:
    if proto.raw_data:
        return len(proto.raw_data)
    from onnx import numpy_helper

    return int(numpy_helper.to_array(proto).nbytes)
