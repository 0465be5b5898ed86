"""The work in a Keras network, counted without running it, in the terms `devices/cost` foretells from.

Counted is what the converters' int8 file of the network will hold: normalisation folded into the convolution in front
of it, ReLU and ReLU6 done by the operator that feeds them, dropout and input gone. `converters/cost` counts that file
itself; a test holds the two together. Layers this file does not know count as reading and writing their tensors.

Layers are told by the names of their classes, so that importing this file does not import Keras.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

from devices.cost.memory import Life, arena_bytes
from devices.cost.predict import Counted
from devices.cost.tables import Precision
from devices.cost.work import Kind, Work, kind_of
from devices.profiles import Profile

EDGETPU_ROOM_BYTES = int(7.88 * 1024**2)
"""For weights on the chip; what does not fit crosses the bus with every frame (converters/preflight/edgetpu_memory)."""
_GONE = ("InputLayer", "Dropout", "SpatialDropout2D", "Identity", "GaussianNoise", "ActivityRegularization")
_SHAPED = ("Reshape", "Flatten")
_FUSES = ("Conv2D", "DepthwiseConv2D", "Conv2DTranspose", "Dense", "Add", "AveragePooling2D", "MaxPooling2D")
_FOLDS = ("Conv2D", "DepthwiseConv2D", "Conv2DTranspose", "Dense")
_NAMES = {
    "Conv2D": "CONV_2D", "DepthwiseConv2D": "DEPTHWISE_CONV_2D", "Conv2DTranspose": "TRANSPOSE_CONV",
    "Dense": "FULLY_CONNECTED", "Add": "ADD", "Multiply": "MUL", "Concatenate": "CONCATENATION", "Softmax": "SOFTMAX",
    "AveragePooling2D": "AVERAGE_POOL_2D", "MaxPooling2D": "MAX_POOL_2D", "GlobalAveragePooling2D": "MEAN",
    "GlobalMaxPooling2D": "REDUCE_MAX", "ZeroPadding2D": "PAD", "UpSampling2D": "RESIZE_NEAREST_NEIGHBOR",
    "Reshape": "RESHAPE", "Flatten": "RESHAPE", "BatchNormalization": "MUL", "ReLU": "RELU", "Rescaling": "MUL",
}  # fmt: skip
_Readers = dict[int, list[Any]]
"""Uses of layers that read a tensor, by its id; None among them for the end of the network."""
_BIAS_BYTES, _SCALE_BYTES = 4, 24
"""A channel of a convolution: its bias, and a scale and a zero point each for weights and bias (8 and 16 bytes)."""
_OPERATOR_BYTES = 380
"""Names, shapes and options of an operator and its tensors: files of seven networks were foretold within 3 %."""


@dataclass(slots=True)
class _Value:
    """A tensor of the converted file."""

    elements: int
    made_by: str
    """The class of the layer; empty for the input."""
    first: int
    last: int
    bare: bool = True
    """Whether an activation may still be fused into what made it."""


@dataclass(frozen=True, slots=True)
class NetworkWork:
    """A whole network, counted."""

    works: tuple[Work, ...]
    """In the order of computation."""
    weights: int
    """Numbers multiplied, each once however often its layer is used."""
    channels: int
    """Output channels of all layers with weights: each has a bias and scales."""
    arena: int
    """Numbers alive at the worst moment; bytes where a number is one."""

    def file_bytes(self, precision: Precision) -> int:
        """Of the converted file."""
        each, channel = (1, _BIAS_BYTES + _SCALE_BYTES) if precision == "int8" else (4, _BIAS_BYTES)
        return self.weights * each + self.channels * channel + len(self.works) * _OPERATOR_BYTES

    def counted(self, profile: Profile, precision: Precision) -> Counted:
        """For `profile`. An Edge TPU is taken to map all of it: the families in `networks.py` are made so."""
        on_chip = profile.accelerator == "edgetpu" and precision == "int8"
        number = 1 if precision == "int8" else 4
        return Counted(
            model_bytes=self.file_bytes(precision),
            mapped=self.works if on_chip else (),
            left=() if on_chip else self.works,
            streamed=max(0, self.weights - EDGETPU_ROOM_BYTES) if on_chip else 0,
            precision=precision,
            parameters_bytes=self.weights * number + self.channels * _BIAS_BYTES,
            arena_bytes=self.arena * number,
            accelerator="edgetpu" if on_chip else "cuda" if profile.accelerator == "cuda" else "none",
        )


@dataclass(slots=True)
class _Count:
    """What has been seen of a network so far."""

    works: list[Work] = field(default_factory=list)
    values: dict[int, _Value] = field(default_factory=dict)
    """By the id of a Keras tensor: several stand for one tensor of the file where layers are fused."""
    layers: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Weights and channels of each layer, by its id: a layer may be used twice."""

    def node(self, node: Any, readers: _Readers) -> None:
        """One use of one layer."""
        kind = type(node.operation).__name__
        inputs = [self.value(tensor) for tensor in node.input_tensors]
        source = inputs[0] if inputs else None
        if source is None:
            for tensor in node.outputs:
                self.values[id(tensor)] = _Value(_elements(tensor), "", 0, 0)
        elif kind in _GONE or self._fused(node, kind, source, readers) or _pads_as_same(node, kind, readers):
            for tensor in node.outputs:
                self.values[id(tensor)] = source
        else:
            self._operator(node, kind, inputs)

    def value(self, tensor: Any) -> _Value:
        """What `tensor` is in the file."""
        return self.values.setdefault(id(tensor), _Value(_elements(tensor), "", 0, 0))

    def _fused(self, node: Any, kind: str, source: _Value, readers: _Readers) -> bool:
        alone = len(readers[id(node.input_tensors[0])]) == 1 and source.bare
        if kind == "BatchNormalization":
            return alone and source.made_by in _FOLDS
        if _is_relu(node.operation, kind) and alone and source.made_by in _FUSES:
            source.bare = False
            return True
        return False

    def _operator(self, node: Any, kind: str, inputs: list[_Value]) -> None:
        step = len(self.works)
        for value in inputs:
            value.last = step
        weights, channels, macs_kind, macs = _multiplied(node, kind)
        if weights:
            self.layers.setdefault(id(node.operation), (weights, channels))
        made = [_Value(_elements(tensor), kind, step, step) for tensor in node.outputs]
        for tensor, value in zip(node.outputs, made, strict=True):
            self.values[id(tensor)] = value
        moved = 0 if kind in _SHAPED else sum(value.elements for value in (*inputs, *made))
        name = _NAMES.get(kind, kind.upper())
        self.works.append(
            Work(
                operator=name,
                where=node.operation.name,
                kind=macs_kind,
                macs=macs,
                parameters=weights + (channels if weights else 0),
                parameters_bytes=weights + _BIAS_BYTES * (channels if weights else 0),
                moved=moved,
            )
        )
        self._own_activation(node.operation, kind, made[0])

    def _own_activation(self, layer: Any, kind: str, made: _Value) -> None:
        """`Dense(activation="softmax")` is two operators, `activation="relu"` is one."""
        name = getattr(getattr(layer, "activation", None), "__name__", "linear")
        if kind not in _FOLDS or name == "linear":
            return
        if name in ("relu", "relu6"):
            made.bare = False
            return
        made.last = len(self.works)
        self.works.append(Work(operator=name.upper(), where=layer.name, kind="move", moved=2 * made.elements))


def network_work(model: Any) -> NetworkWork:
    """The work of one picture in a built Functional Keras `model`; a model within it is counted as a part of it."""
    count = _Count()
    nodes = list(_nodes(model))
    readers = _readers(nodes)
    for tensor in model.outputs:
        readers.setdefault(id(tensor), []).append(None)
    for node in nodes:
        _enter(count, node, readers)
    end = len(count.works)
    for tensor in model.outputs:
        count.value(tensor).last = end
    distinct = {id(value): value for value in count.values.values()}.values()
    return NetworkWork(
        works=tuple(count.works),
        weights=sum(weights for weights, _ in count.layers.values()),
        channels=sum(channels for _, channels in count.layers.values()),
        arena=arena_bytes([Life(value.elements, value.first, value.last) for value in distinct]),
    )


def _readers(nodes: Sequence[Any]) -> _Readers:
    found: _Readers = {}
    for node in nodes:
        for tensor in node.input_tensors:
            found.setdefault(id(tensor), []).append(node)
    return found


def _enter(count: _Count, node: Any, readers: _Readers) -> None:
    inner = node.operation
    if not hasattr(inner, "_nodes_by_depth") or not hasattr(inner, "outputs"):
        count.node(node, readers)
        return
    # A model used as a layer: its own input tensors are what stands outside, and its outputs what comes out.
    for outside, inside in zip(node.input_tensors, inner.inputs, strict=True):
        count.values[id(inside)] = count.value(outside)
    parts = [part for part in _nodes(inner) if type(part.operation).__name__ != "InputLayer"]
    own = _readers(parts)
    for part in parts:
        _enter(count, part, own)
    for outside, inside in zip(node.outputs, inner.outputs, strict=True):
        count.values[id(outside)] = count.value(inside)


def _nodes(model: Any) -> Iterator[Any]:
    """Uses of layers, each behind those it reads from."""
    for depth in sorted(model._nodes_by_depth, reverse=True):
        yield from model._nodes_by_depth[depth]


def _is_relu(layer: Any, kind: str) -> bool:
    """ReLU, ReLU6 and what says the same as an Activation."""
    if kind == "ReLU":
        slope = float(getattr(layer, "negative_slope", 0.0) or 0.0)
        return slope == 0.0 and layer.max_value in (None, 1.0, 6.0)
    name = getattr(getattr(layer, "activation", None), "__name__", "")
    return kind == "Activation" and name in ("relu", "relu6")


def _pads_as_same(node: Any, kind: str, readers: _Readers) -> bool:
    """Zeros in front of a strided convolution, just those that `padding="same"` adds: the converter makes it that."""
    following = readers.get(id(node.outputs[0]), [])
    if kind != "ZeroPadding2D" or len(following) != 1 or following[0] is None:
        return False
    convolution, sizes = following[0].operation, node.input_tensors[0].shape[1:3]
    if type(convolution).__name__ not in ("Conv2D", "DepthwiseConv2D") or convolution.padding != "valid":
        return False
    return all(
        (before, after) == (total // 2, total - total // 2)
        for (before, after), size, taps, stride in zip(
            node.operation.padding, sizes, convolution.kernel_size, convolution.strides, strict=True
        )
        for total in (max(0, (-(-size // stride) - 1) * stride + taps - size),)
    )


def _multiplied(node: Any, kind: str) -> tuple[int, int, Kind, int]:
    """Weights, output channels, kind of work and products of one use of a layer."""
    count = _COUNTED.get(kind)
    kernel = getattr(node.operation, "kernel", None)
    if count is None or kernel is None:
        return 0, 0, "move", 0
    shape = tuple(int(size) for size in kernel.shape)
    channels = int(node.outputs[0].shape[-1])
    work_kind, macs = count(node, shape)
    return prod(shape), channels, work_kind, macs


def _conv(node: Any, shape: tuple[int, ...]) -> tuple[Kind, int]:
    layer = node.operation
    if layer.groups == layer.kernel.shape[-1] and shape[2] == 1 and layer.groups > 1:
        return "depthwise", _elements(node.outputs[0]) * shape[0] * shape[1]
    kind = kind_of((shape[0], shape[1]), tuple(layer.strides), tuple(layer.dilation_rate))
    return kind, _elements(node.outputs[0]) * prod(shape[:3])


def _depthwise(node: Any, shape: tuple[int, ...]) -> tuple[Kind, int]:
    return "depthwise", _elements(node.outputs[0]) * shape[0] * shape[1]


def _dense(node: Any, shape: tuple[int, ...]) -> tuple[Kind, int]:
    return "conv", _elements(node.outputs[0]) * shape[0]


def _transposed(node: Any, shape: tuple[int, ...]) -> tuple[Kind, int]:
    return "conv", _elements(node.input_tensors[0]) * prod(shape[:3])


_COUNTED: Mapping[str, Callable[[Any, tuple[int, ...]], tuple[Kind, int]]] = {
    "Conv2D": _conv,
    "DepthwiseConv2D": _depthwise,
    "Dense": _dense,
    "Conv2DTranspose": _transposed,
}


def _elements(tensor: Any) -> int:
    """Of one picture: open sizes count once."""
    return prod(int(size or 1) for size in tensor.shape[1:]) if len(tensor.shape) else 1
