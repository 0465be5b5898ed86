"""Tiny `.tflite` files written by hand, operator by operator, with the schema that comes with LiteRT.

For graphs no converter would write: loops without an end, shapes that lie, metadata of our own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema


class Tensor(NamedTuple):
    """One tensor; with `data` it is a constant."""

    name: str
    shape: tuple[int, ...]
    dtype: str = "FLOAT32"
    data: np.ndarray | None = None
    scale: float | None = None
    zero_point: int = 0
    signature: tuple[int, ...] | None = None
    """The shape with -1 where it is open."""


class Operator(NamedTuple):
    """One operator, by its name in the schema; tensors by their place."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Any = None
    """An object of the schema whose class ends with `OptionsT`."""
    custom: str = ""


class Graph(NamedTuple):
    """One subgraph."""

    tensors: Sequence[Tensor]
    operators: Sequence[Operator]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def tflite(*graphs: Graph, metadata: dict[str, bytes] | None = None) -> bytes:
    """The file; the first graph is the model's own."""
    model = schema.ModelT()
    model.version = 3
    model.buffers = [schema.BufferT()]
    model.operatorCodes = []
    model.subgraphs = [_subgraph(model, graph) for graph in graphs]
    model.metadata = [_metadata(model, name, data) for name, data in (metadata or {}).items()]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _subgraph(model: Any, graph: Graph) -> Any:
    made = schema.SubGraphT()
    made.tensors = [_tensor(model, tensor) for tensor in graph.tensors]
    made.operators = [_operator(model, operator) for operator in graph.operators]
    made.inputs, made.outputs = (np.array(places, np.int32) for places in (graph.inputs, graph.outputs))
    return made


def _tensor(model: Any, tensor: Tensor) -> Any:
    made = schema.TensorT()
    made.name, made.type = tensor.name.encode(), getattr(schema.TensorType, tensor.dtype)
    made.shape = np.array(tensor.shape, np.int32)
    if tensor.signature is not None:
        made.shapeSignature = np.array(tensor.signature, np.int32)
    made.buffer = 0 if tensor.data is None else _buffer(model, tensor.data.tobytes())
    if tensor.scale is not None:
        made.quantization = schema.QuantizationParametersT()
        made.quantization.scale = np.array([tensor.scale], np.float32)
        made.quantization.zeroPoint = np.array([tensor.zero_point], np.int64)
    return made


def _operator(model: Any, operator: Operator) -> Any:
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, operator.name)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version = 1
    code.customCode = operator.custom.encode() or None
    model.operatorCodes.append(code)
    made = schema.OperatorT()
    made.opcodeIndex = len(model.operatorCodes) - 1
    made.inputs, made.outputs = (np.array(places, np.int32) for places in (operator.inputs, operator.outputs))
    if operator.options is not None:
        made.builtinOptions = operator.options
        kind = type(operator.options).__name__.removesuffix("T")
        made.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
    return made


def _metadata(model: Any, name: str, data: bytes) -> Any:
    made = schema.MetadataT()
    made.name, made.buffer = name.encode(), _buffer(model, data)
    return made


def _buffer(model: Any, data: bytes) -> int:
    made = schema.BufferT()
    made.data = np.frombuffer(data, np.uint8)
    model.buffers.append(made)
    return len(model.buffers) - 1
