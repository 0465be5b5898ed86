"""A `.tflite` as operators and tensors, for files that look at a graph and change nothing.

`tflite_tree.py` gives the flatbuffer's own objects: numbers for names, None for empty lists. Here they are frozen, with
names, plain shapes and quantisation, so that a rule about a graph reads like the sentence it came from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.errors import ModelError
from converters.tflite_tree import builtin_code, names_of, read_tree

CUSTOM = "CUSTOM"
_ABSENT = -1
_BITS = {"INT4": 4, "UINT4": 4, "INT2": 2, "BOOL": 8, "INT8": 8, "UINT8": 8, "INT16": 16, "UINT16": 16}
_BITS |= {"FLOAT16": 16, "BFLOAT16": 16, "FLOAT32": 32, "INT32": 32, "UINT32": 32}
_BITS |= {"FLOAT64": 64, "INT64": 64, "UINT64": 64, "COMPLEX64": 64, "COMPLEX128": 128}
_DTYPES = {"INT8": "i1", "UINT8": "u1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8", "FLOAT16": "<f2"}
_DTYPES |= {"FLOAT32": "<f4", "FLOAT64": "<f8"}
_NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """One tensor of the graph."""

    index: int
    name: str
    type: str
    """The schema's name of it: `INT8`, `FLOAT32` …"""
    shape: tuple[int, ...]
    dynamic: bool
    """Whether a size is left open until the model runs."""
    scales: tuple[float, ...]
    """Empty where it is not quantised; several where each channel has its own."""
    zero_points: tuple[int, ...]
    data: bytes
    """Empty for what is computed, or fed."""
    variable: bool

    @property
    def constant(self) -> bool:
        """Whether its values stand in the file."""
        return bool(self.data)

    @property
    def elements(self) -> int:
        """How many numbers it holds; 1 for a scalar."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def size_bytes(self) -> int:
        """What it takes in memory; strings and resources count nothing."""
        return (self.elements * _BITS.get(self.type, 0) + 7) // 8

    @property
    def real_shape(self) -> tuple[int, ...]:
        """The shape without the ones it begins with."""
        sizes = list(self.shape)
        while sizes and sizes[0] == 1:
            sizes.pop(0)
        return tuple(sizes)

    def values(self) -> NDArray[Any] | None:
        """A constant's stored numbers in its shape; None for what is no constant, or no plain number type."""
        if not self.constant or self.type not in _DTYPES:
            return None
        stored = np.frombuffer(self.data, dtype=_DTYPES[self.type])
        return stored.reshape(self.shape) if stored.size == self.elements else stored


@dataclass(frozen=True, slots=True, eq=False)
class Operator:
    """One step of the graph; `index` is its place in the file's order."""

    index: int
    name: str
    """The schema's name; a custom operator's own name with `CUSTOM:` in front."""
    version: int
    inputs: tuple[Tensor | None, ...]
    """None where an optional input is left out."""
    outputs: tuple[Tensor, ...]
    options: Mapping[str, Any]
    """Field names of the operator's options table in the schema, as its Python module spells them."""
    custom_options: bytes

    @property
    def given(self) -> tuple[Tensor, ...]:
        """Inputs that are there."""
        return tuple(tensor for tensor in self.inputs if tensor is not None)

    @property
    def computed(self) -> tuple[Tensor, ...]:
        """Inputs that are no constants."""
        return tuple(tensor for tensor in self.given if not tensor.constant)

    @property
    def where(self) -> str:
        """For messages: the name of what it computes."""
        return self.outputs[0].name if self.outputs else f"operator {self.index}"

    def option(self, name: str, default: Any = 0) -> Any:
        """A field of its options, `default` where the file says nothing."""
        value = self.options.get(name, default)
        return default if value is None else value

    def constant(self, place: int) -> NDArray[Any] | None:
        """The values of input `place`; None where it is absent or computed."""
        tensor = self.inputs[place] if place < len(self.inputs) else None
        return None if tensor is None else tensor.values()


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """The one graph of a model."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    """In the order they run in."""
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    @property
    def parameters_bytes(self) -> int:
        """Of all constants."""
        return sum(tensor.size_bytes for tensor in self.tensors if tensor.constant)


def read_graph(model: bytes, *, where: str) -> Graph:
    """The graph of `model`; ModelError for what is no TFLite file, is damaged, or has other than one graph."""
    tree = read_tree(model, where=where)
    if len(tree.subgraphs or ()) != 1:
        raise ModelError(
            f"{len(tree.subgraphs or ())} graphs, expected one", where=where, fix="Convert it without control flow."
        )
    source = tree.subgraphs[0]
    try:
        tensors = tuple(_tensors(tree, source))
        operators = tuple(_operators(tree, source, tensors))
        inputs, outputs = (tuple(tensors[i] for i in _listed(places)) for places in (source.inputs, source.outputs))
    except (IndexError, UnicodeDecodeError) as problem:
        raise ModelError("a damaged TFLite file", where=where, fix="Convert the model again.") from problem
    return Graph(tensors, operators, inputs, outputs)


def _tensors(tree: Any, source: Any) -> Iterator[Tensor]:
    from ai_edge_litert import schema_py_generated as schema

    types = names_of(schema.TensorType)
    for index, tensor in enumerate(_listed(source.tensors)):
        quantisation = tensor.quantization
        data = tree.buffers[tensor.buffer].data
        yield Tensor(
            index=index,
            name=(tensor.name or b"").decode(errors="replace"),
            type=types.get(tensor.type, str(tensor.type)),
            shape=tuple(int(size) for size in _listed(tensor.shape)),
            dynamic=any(size < 0 for size in (*_listed(tensor.shapeSignature), *_listed(tensor.shape))),
            scales=tuple(map(float, _listed(quantisation.scale))) if quantisation else (),
            zero_points=tuple(map(int, _listed(quantisation.zeroPoint))) if quantisation else (),
            data=b"" if data is None else bytes(data),
            variable=bool(tensor.isVariable),
        )


def _operators(tree: Any, source: Any, tensors: tuple[Tensor, ...]) -> Iterator[Operator]:
    from ai_edge_litert import schema_py_generated as schema

    names = names_of(schema.BuiltinOperator)
    for index, operator in enumerate(_listed(source.operators)):
        code = tree.operatorCodes[operator.opcodeIndex]
        name = names.get(builtin_code(code), str(builtin_code(code)))
        if name == CUSTOM:
            name = f"{CUSTOM}:{(code.customCode or b'').decode(errors='replace')}"
        options = operator.builtinOptions or operator.builtinOptions2
        yield Operator(
            index=index,
            name=name,
            version=int(code.version),
            inputs=tuple(None if i == _ABSENT else tensors[i] for i in _listed(operator.inputs)),
            outputs=tuple(tensors[i] for i in _listed(operator.outputs)),
            options=MappingProxyType(dict(vars(options))) if options is not None else _NO_OPTIONS,
            custom_options=b"" if operator.customOptions is None else bytes(operator.customOptions),
        )


def _listed(values: Any) -> Any:
    """The schema's module has None for an empty list."""
    return () if values is None else values
