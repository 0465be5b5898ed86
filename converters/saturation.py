"""What a QDQ model answers on x86 without VNNI, worked out on any processor.

There onnxruntime multiplies unsigned activations by signed weights with `vpmaddubsw`, which adds two products in 16
bits and saturates without a word (onnxruntime, "Quantize ONNX models", U8S8; MLAS, QgemmU8S8KernelAvx2.asm). The
kernels of such a processor cannot be asked on another one, but their sums can be worked out: layer by layer, the excess
of every pair is taken from the exact answer, and the next layer sees what is left. Depthwise layers and unsigned
weights are computed another way and are exact.

Our backend asks onnxruntime for exact kernels (docs/decisions/0004); this is the answer where it cannot have them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float32]
Whole = NDArray[np.int32]
BY = "onnxruntime on x86 without VNNI, worked out"
"""Who computed it, for a stage of the gate."""
_LOWEST, _HIGHEST = -(2**15), 2**15 - 1
_SHIFT = {np.dtype(np.uint8): 0, np.dtype(np.int8): 128}
"""Signed activations are moved into the unsigned range first, which changes neither the weights nor the answer."""


@dataclass(frozen=True, slots=True)
class Saturated:
    """A model's answers with saturated sums."""

    answers: dict[str, Real]
    """(N, ...) by output."""
    share: dict[str, float]
    """Of all pairs of products, those beyond 16 bits; by layer, in the model's order."""


@dataclass(frozen=True, slots=True)
class _Layer:
    """One Conv, Gemm or MatMul between quantised tensors."""

    name: str
    activation: str
    """The stored tensor it reads."""
    kind: np.dtype[Any]
    """Of the stored tensor."""
    zero_point: int
    """As an unsigned number: what pads a picture."""
    weights: Whole
    """(K, N) a group, in the order in which the kernels add: height, width, channels."""
    scale: NDArray[np.float64]
    """(N,): real value of one step of the sum."""
    window: _Window | None
    """None for Gemm and MatMul."""


@dataclass(frozen=True, slots=True)
class _Window:
    """Where a convolution looks; height before width."""

    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    pads: tuple[int, int, int, int]
    """Top, left, bottom, right."""
    groups: int


def saturated(model: bytes, feeds: Iterable[Mapping[str, Real]]) -> Saturated:
    """The answers of the QDQ file `model` to `feeds`, each the inputs of one picture by name.

    A model without such layers is answered exactly. Takes a run of the whole model a layer and picture, so a few
    pictures must do.
    """
    import onnx

    graph = onnx.load_from_string(model)
    outputs = [value.name for value in graph.graph.output]
    layers = list(_layers(graph.graph))
    session = _session(_with_corrections(graph, layers))
    answers, counts = [], np.zeros((len(layers), 2))
    for feed in feeds:
        corrections = {_correction(place): np.zeros((), np.float32) for place in range(len(layers))}
        for place, layer in enumerate(layers):
            stored = session.run([layer.activation], {**feed, **corrections})[0]
            excess, beyond, pairs = _excess(layer, stored)
            corrections[_correction(place)] = excess
            counts[place] += beyond, pairs
        answers.append(dict(zip(outputs, session.run(outputs, {**feed, **corrections}), strict=True)))
    found = {name: np.concatenate([answer[name] for answer in answers]).astype(np.float32) for name in outputs}
    share = {layer.name: float(beyond / max(pairs, 1)) for layer, (beyond, pairs) in zip(layers, counts, strict=True)}
    return Saturated(found, share)


def _layers(graph: Any) -> Iterator[_Layer]:
    from onnx import numpy_helper

    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    made = [node for node in graph.node if node.op_type == "Constant" and node.attribute[0].name == "value"]
    constants |= {node.output[0]: numpy_helper.to_array(node.attribute[0].t) for node in made}
    readers = {node.output[0]: node for node in graph.node if node.op_type == "DequantizeLinear"}
    for node in graph.node:
        pair = [readers.get(name) for name in node.input[:2]]
        if node.op_type not in ("Conv", "Gemm", "MatMul") or pair[0] is None or pair[1] is None:
            continue
        stored, *quantised = (constants.get(name) for name in pair[1].input)
        if stored is None or stored.dtype != np.int8 or pair[0].input[0] in constants:
            continue
        steps = np.asarray(constants[pair[0].input[1]], np.float64) * np.asarray(quantised[0], np.float64).reshape(-1)
        zero = constants[pair[0].input[2]] if len(pair[0].input) > 2 else np.zeros((), np.uint8)
        window = _window(node, stored.shape) if node.op_type == "Conv" else None
        if window is not None and stored.shape[1] == 1 and window.groups > 1:
            continue  # depthwise: kernels of their own, with wider sums
        if stored.ndim != (4 if window else 2):
            continue
        weights = _in_order(node, stored)
        yield _Layer(
            name=node.name or node.output[0],
            activation=pair[0].input[0],
            kind=zero.dtype,
            zero_point=int(zero) + _SHIFT[zero.dtype],
            weights=weights,
            scale=np.broadcast_to(steps * _attribute(node, "alpha", 1.0), weights.shape[1:]),
            window=window,
        )


def _in_order(node: Any, stored: NDArray[np.int8]) -> Whole:
    if stored.ndim == 4:
        return stored.transpose(2, 3, 1, 0).reshape(-1, stored.shape[0]).astype(np.int32)
    return (stored.T if _attribute(node, "transB", 0) else stored).astype(np.int32)


def _window(node: Any, shape: tuple[int, ...]) -> _Window:
    height, width = shape[2:4] if len(shape) == 4 else (1, 1)
    return _Window(
        kernel=(height, width),
        strides=_attribute(node, "strides", (1, 1)),
        dilations=_attribute(node, "dilations", (1, 1)),
        pads=_attribute(node, "pads", (0, 0, 0, 0)),
        groups=_attribute(node, "group", 1),
    )


def _attribute(node: Any, name: str, otherwise: Any) -> Any:
    from onnx import helper

    found = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}.get(name, otherwise)
    return tuple(found) if isinstance(found, list) else found


def _with_corrections(model: Any, layers: list[_Layer]) -> bytes:
    """`model` with a number to add behind each layer, and with what each layer reads among its outputs."""
    from onnx import helper

    graph = model.graph
    named = {layer.name: place for place, layer in enumerate(layers)}
    known = {value.name for value in graph.output}
    nodes = []
    for node in graph.node:
        place = named.get(node.name or node.output[0]) if node.op_type in ("Conv", "Gemm", "MatMul") else None
        nodes.append(node)
        if place is None:
            continue
        output, exact = node.output[0], f"{_correction(place)}.exact"
        node.output[0] = exact
        nodes.append(helper.make_node("Add", [exact, _correction(place)], [output]))
        # Kind 1 is float32, of any shape: zero before the correction is known.
        graph.input.append(helper.make_tensor_value_info(_correction(place), 1, None))
        if layers[place].activation not in known:
            known.add(layers[place].activation)
            kind = helper.np_dtype_to_tensor_dtype(layers[place].kind)
            graph.output.append(helper.make_tensor_value_info(layers[place].activation, kind, None))
    del graph.node[:]
    graph.node.extend(nodes)
    return bytes(model.SerializeToString())


def _correction(place: int) -> str:
    return f"edgeferry.correction.{place}"


def _session(model: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # With the optimiser on, these would be the very kernels that are asked about.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _excess(layer: _Layer, stored: NDArray[Any]) -> tuple[Real, int, int]:
    """What saturation changes of the layer's real output, how many pairs are beyond 16 bits, and of how many."""
    unsigned = stored.astype(np.int32) + _SHIFT[stored.dtype]
    if layer.window is None:
        rows = unsigned.reshape(-1, unsigned.shape[-1])
        lost, beyond, pairs = _lost(rows, layer.weights)
        real = -(lost * layer.scale).astype(np.float32)
        return real.reshape(*stored.shape[:-1], -1), beyond, pairs
    window = layer.window
    parts, beyond, pairs = [], 0, 0
    size = layer.weights.shape[1] // window.groups
    for group, channels in enumerate(np.split(unsigned[0], window.groups)):
        rows, shape = _rows(channels, window, layer.zero_point)
        columns = slice(group * size, (group + 1) * size)
        lost, more, of = _lost(rows, layer.weights[:, columns])
        parts.append(-(lost * layer.scale[columns]).T.reshape(size, *shape))
        beyond, pairs = beyond + more, pairs + of
    return np.concatenate(parts)[np.newaxis].astype(np.float32), beyond, pairs


def _rows(channels: Whole, window: _Window, zero_point: int) -> tuple[Whole, tuple[int, int]]:
    """What each place of the output looks at, (places, K), and the output's height and width."""
    top, left, bottom, right = window.pads
    padded = np.pad(channels, ((0, 0), (top, bottom), (left, right)), constant_values=zero_point)
    reach = tuple((size - 1) * apart + 1 for size, apart in zip(window.kernel, window.dilations, strict=True))
    seen = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=(1, 2))
    seen = seen[:, :: window.strides[0], :: window.strides[1], :: window.dilations[0], :: window.dilations[1]]
    height, width = seen.shape[1:3]
    return seen.transpose(1, 2, 3, 4, 0).reshape(height * width, -1), (height, width)


def _lost(rows: Whole, weights: Whole) -> tuple[NDArray[np.int64], int, int]:
    """Sum of what is cut off of every pair, (places, N), how many are cut, and of how many."""
    if len(weights) % 2:
        rows, weights = np.pad(rows, ((0, 0), (0, 1))), np.pad(weights, ((0, 1), (0, 0)))
    lost, beyond = np.zeros((len(rows), weights.shape[1]), np.int64), 0
    largest = rows.max(axis=0, initial=0)
    for at in range(0, len(weights), 2):
        pair, two = weights[at : at + 2], rows[:, at : at + 2]
        # Most pairs cannot get there whatever they see; activations are never negative.
        high, low = (largest[at : at + 2] @ side for side in (pair.clip(min=0), pair.clip(max=0)))
        columns = np.flatnonzero((high > _HIGHEST) | (low < _LOWEST))
        if len(columns):
            sums = two @ pair[:, columns]
            over = sums - sums.clip(_LOWEST, _HIGHEST)
            lost[:, columns] += over
            beyond += int(np.count_nonzero(over))
    return lost, beyond, len(rows) * weights.size // 2
