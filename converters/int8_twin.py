"""A legacy uint8 model as int8: the same network for the kernels that libraries still make faster.

TensorFlow 1 quantised weights and activations to uint8, with one scale and one zero point a tensor. Stored minus 128,
with the zero point moved by as much, each number keeps its meaning, and nothing is rounded:

    real = scale * (stored - zero_point) = scale * ((stored - 128) - (zero_point - 128))

Activations may always move so. Weights may not: int8 kernels take weights whose zero point is 0 (quantization
specification of LiteRT), and a uint8 weight may lie up to 255 steps from its zero point where int8 reaches 127. A
channel that stays within 127 is copied as it is. One that reaches further gets a coarser scale of its own, and its
weights are rounded to it; then the model is near and not a twin. `int8_twin` gives twins only, `nearest_int8` both, and
counts. Whether a near model is good enough is for `gate.py` to judge, on pictures.

Two habits of int8 kernels need an operator more: CONCATENATION wants all inputs in the scale of its output, and
`TFLite_Detection_PostProcess` reads uint8 or float32. A QUANTIZE in front gives them that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from contract.errors import ModelError
from converters.tflite_tree import builtin_code, names_of, operator_place, read_tree, write_tree

VERSIONS = {
    "ADD": 2,
    "ARG_MAX": 2,
    "AVERAGE_POOL_2D": 2,
    "CONCATENATION": 2,
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 3,
    "DEQUANTIZE": 2,
    "FULLY_CONNECTED": 4,
    "LOGISTIC": 2,
    "MAX_POOL_2D": 2,
    "MEAN": 2,
    "MUL": 2,
    "PAD": 2,
    "QUANTIZE": 2,
    "RELU": 2,
    "RELU6": 2,
    "RESHAPE": 1,
    "RESIZE_BILINEAR": 2,
    "RESIZE_NEAREST_NEIGHBOR": 2,
    "SOFTMAX": 2,
    "SQUEEZE": 1,
}
"""Operators with an int8 kernel of the same meaning, and the first version that has it (op_version.cc of LiteRT)."""
CHANNEL_AXIS = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}
"""Operators with weights (input 1) and perhaps a bias (input 2): the axis of the weights that is the output channel."""
KEEPS_UINT8 = b"TFLite_Detection_PostProcess"
BETWEEN_TYPES = ("CUSTOM", "DEQUANTIZE", "QUANTIZE")
"""Operators that may stand between whole and floating-point numbers."""
_LARGEST = 127
_CANDIDATE_SCALES = 17
_PER_CHANNEL_FULLY_CONNECTED = 12
"""The version of FULLY_CONNECTED that knows a scale for each channel."""

_Floats = npt.NDArray[np.float64]


class Nearest(Struct, frozen=True, kw_only=True):
    """An int8 model, and how far it is from the uint8 one."""

    model: bytes
    channels: int
    """Output channels of all layers with weights."""
    rounded_channels: int
    """Those of them whose weights had to be rounded to a coarser scale; 0 makes it a twin."""


def int8_twin(model: bytes, *, where: str = "the model") -> bytes:
    """The int8 `.tflite` with the very weights, names and shapes of the uint8 `model`; its input and output are int8.

    Answers are equal up to the kernels' own rounding: means of an even number of values, and inputs of CONCATENATION
    that had to be rescaled, may come out one step aside.
    ModelError for what is not whole uint8, for operators without an int8 kernel, and where a weight does not fit.
    """
    found = nearest_int8(model, where=where)
    if found.rounded_channels:
        raise ModelError(
            f"{found.rounded_channels} of {found.channels} weight channels reach further than int8 can hold, so no int8"
            " model is exactly the same",
            where=where,
            fix="Keep the uint8 model, or take the nearest int8 one and compare the two on pictures.",
        )
    return found.model


def nearest_int8(model: bytes, *, where: str = "the model") -> Nearest:
    """The twin where there is one, else the model with the least rounding. ModelError as `int8_twin`, but for that."""
    tree = read_tree(model, where=where)
    recast = _Recast(tree, where)
    channels, rounded = recast.carry_out()
    return Nearest(model=write_tree(tree, attached_to=model), channels=channels, rounded_channels=rounded)


class _Recast:
    """One model on its way to int8; the tree is changed in place."""

    def __init__(self, tree: Any, where: str) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self._schema, self._tree, self._where = schema, tree, where
        self._operator_names, self._types = names_of(schema.BuiltinOperator), names_of(schema.TensorType)
        if len(tree.subgraphs or ()) != 1:
            raise self._refusal(f"it has {len(tree.subgraphs or ())} graphs, expected one")
        self._graph = tree.subgraphs[0]
        self._versions = dict(VERSIONS)

    def carry_out(self) -> tuple[int, int]:
        """All of it; how many channels there are, and how many were rounded."""
        for problem in self._problems():
            raise self._refusal(problem)
        kept = self._constants_read_as_uint8()
        weights = self._weights()
        counts = [self._recast_weights(index, axis, operators) for index, (axis, operators) in weights.items()]
        for index, tensor in enumerate(self._graph.tensors):
            if self._is_uint8(tensor) and index not in kept and index not in weights:
                self._move(index)
        self._graph.operators = [each for operator in self._graph.operators for each in self._adapted(operator)]
        for code in self._tree.operatorCodes:
            code.version = max(code.version, self._versions.get(self._operator_names[builtin_code(code)], 1))
        return sum(channels for channels, _ in counts), sum(rounded for _, rounded in counts)

    def _refusal(self, what: str) -> ModelError:
        return ModelError(what, where=self._where, fix="Keep the model as it is; only whole uint8 models become int8.")

    def _name(self, operator: Any) -> str:
        code = self._tree.operatorCodes[operator.opcodeIndex]
        return self._operator_names.get(builtin_code(code), "unknown")

    def _is_uint8(self, tensor: Any) -> bool:
        return bool(tensor.type == self._schema.TensorType.UINT8)

    def _tensors_of(self, operator: Any) -> list[Any]:
        """Inputs and outputs; an input left out (-1) is not there."""
        indices = [*operator.inputs, *operator.outputs]
        return [self._graph.tensors[index] for index in indices if index >= 0]

    def _problems(self) -> Iterator[str]:
        """Why this model cannot become int8 as a whole."""
        found = {self._types.get(tensor.type, "unknown") for tensor in self._graph.tensors}
        if "UINT8" not in found:
            yield "its numbers are int8 already" if "INT8" in found else "it is not quantised to uint8"
        if inside := found & {"INT8", "INT16", "FLOAT16"}:
            yield f"it is {', '.join(sorted(inside)).lower()} inside, not whole uint8"
        for tensor in filter(self._is_uint8, self._graph.tensors):
            if tensor.quantization is None or len(_listed(tensor.quantization.scale)) != 1:
                yield f"tensor {_text(tensor.name)!r} is uint8 without one scale"
        for operator in self._graph.operators:
            yield from self._operator_problems(operator)

    def _operator_problems(self, operator: Any) -> Iterator[str]:
        name = self._name(operator)
        custom = self._tree.operatorCodes[operator.opcodeIndex].customCode or b""
        if custom and custom != KEEPS_UINT8:
            yield f"custom operator {_text(custom)!r} may read anything but int8"
        elif not custom and name not in VERSIONS:
            yield f"operator {name} is not known to mean the same in int8"
        floating = any(tensor.type == self._schema.TensorType.FLOAT32 for tensor in self._tensors_of(operator))
        if floating and name not in BETWEEN_TYPES:
            yield f"operator {name} runs in floating point, so the model is not whole uint8"

    def _constants_read_as_uint8(self) -> set[int]:
        """Constants of operators that keep reading uint8: the anchors of a detector."""
        readers = [each for each in self._graph.operators if self._name(each) == "CUSTOM"]
        return {index for each in readers for index in each.inputs if index >= 0 and self._data(index) is not None}

    def _weights(self) -> dict[int, tuple[int, list[Any]]]:
        """By tensor: the axis of its channels, and the operators that multiply with it."""
        found: dict[int, tuple[int, list[Any]]] = {}
        for operator in self._graph.operators:
            axis = CHANNEL_AXIS.get(self._name(operator))
            if axis is not None:
                found.setdefault(int(operator.inputs[1]), (axis, []))[1].append(operator)
        return found

    def _data(self, index: int) -> npt.NDArray[np.uint8] | None:
        """The bytes of a constant; None of a tensor that is computed."""
        data = self._tree.buffers[self._graph.tensors[index].buffer].data
        return None if data is None or len(data) == 0 else np.asarray(data, np.uint8)

    def _set_data(self, tensor: Any, values: npt.NDArray[Any]) -> None:
        """In a buffer of its own where two tensors share one: the other may not be changed by this."""
        if sum(each.buffer == tensor.buffer for each in self._graph.tensors) > 1:
            self._tree.buffers.append(self._schema.BufferT())
            tensor.buffer = len(self._tree.buffers) - 1
        data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
        self._tree.buffers[tensor.buffer].data = data

    def _move(self, index: int) -> None:
        """Stored numbers and zero point by -128 each."""
        tensor, data = self._graph.tensors[index], self._data(index)
        if data is not None:
            self._set_data(tensor, data ^ np.uint8(0x80))
        tensor.type = self._schema.TensorType.INT8
        tensor.quantization.zeroPoint = np.asarray([_zero_point(tensor) - 128], np.int64)

    def _recast_weights(self, index: int, axis: int, operators: list[Any]) -> tuple[int, int]:
        """One layer's weights as int8 around zero; how many channels it has, and how many were rounded."""
        tensor, data = self._graph.tensors[index], self._data(index)
        shape = _listed(tensor.shape)
        if data is None or axis >= len(shape) or data.size != np.prod(shape):
            raise self._refusal(f"the weights {_text(tensor.name)!r} are not constants of their shape")
        steps = data.reshape(shape).astype(np.float64) - _zero_point(tensor)
        channels = np.moveaxis(steps, axis, 0).reshape(shape[axis], -1)
        coarser = _coarser(channels)
        along = [-1 if dimension == axis else 1 for dimension in range(steps.ndim)]
        self._set_data(tensor, _rounded(steps, coarser.reshape(along)).astype(np.int8))
        tensor.type = self._schema.TensorType.INT8
        tensor.quantization.zeroPoint = np.zeros(1, np.int64)
        rounded = int(np.count_nonzero(coarser != 1.0))
        if rounded:
            self._scale_channels(tensor, coarser, axis)
            for bias in sorted({int(each.inputs[2]) for each in operators if len(each.inputs) > 2} - {-1}):
                self._recast_bias(bias, coarser, operators)
            if self._name(operators[0]) == "FULLY_CONNECTED":
                self._versions["FULLY_CONNECTED"] = _PER_CHANNEL_FULLY_CONNECTED
        return len(coarser), rounded

    def _scale_channels(self, tensor: Any, coarser: _Floats, axis: int) -> None:
        """One scale a channel instead of one for the tensor."""
        quantization = tensor.quantization
        quantization.scale = (float(quantization.scale[0]) * coarser).astype(np.float32)
        quantization.zeroPoint = np.zeros(len(coarser), np.int64)
        quantization.quantizedDimension = axis
        quantization.min = quantization.max = None

    def _recast_bias(self, index: int, coarser: _Floats, operators: list[Any]) -> None:
        """A bias counts in input scale times weight scale, so it follows its channel's weights."""
        tensor, data = self._graph.tensors[index], self._data(index)
        used_by = [each for each in self._graph.operators if index in each.inputs]
        if data is None or any(each not in operators for each in used_by):
            raise self._refusal(f"the bias {_text(tensor.name)!r} is shared or computed, and its layer is rounded")
        self._set_data(tensor, np.rint(np.frombuffer(data.tobytes(), "<i4") / coarser).astype("<i4"))
        self._scale_channels(tensor, coarser, 0)

    def _adapted(self, operator: Any) -> Iterator[Any]:
        """The operator, after a QUANTIZE for each input that its int8 kernel does not take as it is."""
        name, operator.inputs = self._name(operator), np.array(operator.inputs)
        for place, index in enumerate(operator.inputs):
            tensor = self._graph.tensors[index]
            if tensor.type != self._schema.TensorType.INT8:
                continue
            if name == "CUSTOM":
                wanted = self._like(tensor, "uint8", _scale(tensor), _zero_point(tensor) + 128)
                wanted.type = self._schema.TensorType.UINT8
            elif name == "CONCATENATION" and not self._joins(tensor, operator):
                output = self._graph.tensors[operator.outputs[0]]
                wanted = self._like(tensor, "rescaled", _scale(output), _zero_point(output))
            else:
                continue
            self._graph.tensors.append(wanted)
            operator.inputs[place] = len(self._graph.tensors) - 1
            yield self._quantize(index, operator.inputs[place])
        yield operator

    def _joins(self, tensor: Any, operator: Any) -> bool:
        output = self._graph.tensors[operator.outputs[0]]
        return (_scale(tensor), _zero_point(tensor)) == (_scale(output), _zero_point(output))

    def _like(self, tensor: Any, suffix: str, scale: float, zero_point: int) -> Any:
        """A computed tensor of the same shape and type, in another scale."""
        new = self._schema.TensorT()
        new.name, new.type, new.buffer = tensor.name + b"/" + suffix.encode(), tensor.type, 0
        new.shape, new.shapeSignature, new.hasRank = tensor.shape, tensor.shapeSignature, tensor.hasRank
        new.quantization = self._schema.QuantizationParametersT()
        new.quantization.scale = np.asarray([scale], np.float32)
        new.quantization.zeroPoint = np.asarray([zero_point], np.int64)
        return new

    def _quantize(self, source: int, target: int) -> Any:
        operator = self._schema.OperatorT()
        operator.opcodeIndex = operator_place(self._tree, self._schema.BuiltinOperator.QUANTIZE)
        operator.inputs, operator.outputs = np.asarray([source], np.int32), np.asarray([target], np.int32)
        operator.builtinOptionsType = self._schema.BuiltinOptions.QuantizeOptions
        operator.builtinOptions = self._schema.QuantizeOptionsT()
        return operator


def _coarser(channels: _Floats) -> _Floats:
    """(N, K) steps from the zero point -> (N,): by how much each channel's scale must grow, 1.0 where it fits.

    Between cutting off the one far weight (1.0 again) and rounding all to a scale that holds it, the candidate with
    the least squared error wins.
    """
    largest = np.abs(channels).max(axis=1, initial=0.0)
    coarser = np.ones(len(channels))
    for channel in np.flatnonzero(largest > _LARGEST):
        # A hair above 1.0 says "rounded" of a channel that is only cut off.
        candidates = np.linspace(1.0 + 1e-6, largest[channel] / _LARGEST, _CANDIDATE_SCALES)
        steps = channels[channel]
        errors = [float(np.square(_rounded(steps, each) * each - steps).sum()) for each in candidates]
        coarser[channel] = candidates[int(np.argmin(errors))]
    return coarser


def _rounded(steps: _Floats, coarser: _Floats) -> _Floats:
    return np.clip(np.rint(steps / coarser), -_LARGEST, _LARGEST)


def _listed(values: Any) -> list[Any]:
    return [] if values is None else list(values)


def _scale(tensor: Any) -> float:
    return float(tensor.quantization.scale[0])


def _zero_point(tensor: Any) -> int:
    """Absent means 0, as the schema says."""
    points = _listed(tensor.quantization.zeroPoint)
    return int(points[0]) if points else 0


def _text(name: bytes) -> str:
    return name.decode(errors="replace")
