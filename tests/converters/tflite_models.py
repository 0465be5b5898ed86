"""Small `.tflite` files written operator by operator, for tests that ask what a graph is and never run it.

TensorFlow is not needed: the schema's own module packs them. Weights are zeros where no test looks at them.
"""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

NUMPY = {"INT8": "i1", "UINT8": "u1", "INT32": "<i4", "FLOAT32": "<f4", "INT64": "<i8"}


class TfliteModel:
    """A model in the making."""

    def __init__(self) -> None:
        self._tree = schema.ModelT()
        self._tree.version = 3
        self._graph = schema.SubGraphT()
        self._graph.tensors, self._graph.operators = [], []
        self._tree.subgraphs = [self._graph]
        self._tree.operatorCodes = []
        self._tree.buffers = [schema.BufferT()]

    def tensor(self, *shape: int, type: str = "INT8", scales: int = 1, signature: tuple[int, ...] | None = None) -> int:
        """A tensor that is fed or computed; `scales` 0 leaves it without quantisation."""
        tensor = schema.TensorT()
        tensor.name = f"t{len(self._graph.tensors)}"
        tensor.shape, tensor.type, tensor.buffer = list(shape), getattr(schema.TensorType, type), 0
        tensor.shapeSignature = None if signature is None else list(signature)
        if scales and type in ("INT8", "UINT8"):
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = [0.1] * scales, [0] * scales
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def constant(self, values: Any, type: str = "INT8", scales: int = 1) -> int:
        """A tensor whose values stand in the file."""
        array = np.asarray(values).astype(NUMPY[type])
        index = self.tensor(*array.shape, type=type, scales=scales)
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(array.tobytes(), np.uint8)
        self._tree.buffers.append(buffer)
        self._graph.tensors[index].buffer = len(self._tree.buffers) - 1
        return index

    def zeros(self, *shape: int, type: str = "INT8", scales: int = 1) -> int:
        """A constant of zeros."""
        return self.constant(np.zeros(shape), type, scales)

    def operator(self, name: str, inputs: list[int], output: int, version: int = 1, **options: Any) -> int:
        """An operator with one output, which is returned; `options` by the names of the schema's module."""
        code = schema.OperatorCodeT()
        if name.startswith("CUSTOM:"):
            code.customCode, name = name.removeprefix("CUSTOM:"), "CUSTOM"
        code.builtinCode, code.version = getattr(schema.BuiltinOperator, name), version
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        self._tree.operatorCodes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self._tree.operatorCodes) - 1
        operator.inputs, operator.outputs = inputs, [output]
        if options:
            kind = options.pop("kind")
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            operator.builtinOptions = getattr(schema, f"{kind}T")()
            for field, value in options.items():
                assert hasattr(operator.builtinOptions, field), field
                setattr(operator.builtinOptions, field, value)
        self._graph.operators.append(operator)
        return output

    def conv(self, source: int, channels: int, kernel: int = 1, stride: int = 1) -> int:
        """A convolution with SAME padding, 8-bit weights and a bias."""
        _, height, width, depth = self._graph.tensors[source].shape
        inputs = [source, self.zeros(channels, kernel, kernel, depth), self.zeros(channels, type="INT32")]
        output = self.tensor(1, -(-height // stride), -(-width // stride), channels)
        return self.operator(
            "CONV_2D", inputs, output, 3, kind="Conv2DOptions", strideW=stride, strideH=stride, dilationWFactor=1,
            dilationHFactor=1,
        )  # fmt: skip

    def unary(self, name: str, source: int, version: int = 1) -> int:
        """An operator whose output is as its input."""
        return self.operator(name, [source], self.tensor(*self._graph.tensors[source].shape), version)

    def dense(self, source: int, units: int, scales: int = 1, version: int = 4) -> int:
        """A fully connected layer over the last axis."""
        *rows, depth = self._graph.tensors[source].shape
        inputs = [source, self.zeros(units, depth, scales=scales), self.zeros(units, type="INT32")]
        return self.operator(
            "FULLY_CONNECTED", inputs, self.tensor(*rows, units), version, kind="FullyConnectedOptions"
        )

    def finish(self, inputs: list[int], outputs: list[int]) -> bytes:
        """The file."""
        self._graph.inputs, self._graph.outputs = inputs, outputs
        builder = flatbuffers.Builder(1024)
        builder.Finish(self._tree.Pack(builder), b"TFL3")
        return bytes(builder.Output())
