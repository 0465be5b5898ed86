"""Small networks that really see something, without any training: random convolutions and a fitted last layer.

A picture shows one soft spot of one of four colours somewhere. Random convolutions with a linear readout, fitted by
least squares, tell its colour, its place and its size, so that every task has a model worth converting in a second.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from contract.decoding import Estimate
from contract.manifest import (
    Anomaly,
    Classify,
    Decoding,
    DetectCorners,
    Keypoints,
    Preprocessing,
    Regress,
    Segment,
    Task,
)
from converters.source import Pictures
from edge.preprocess import real_values

SIDE = 32
COLOURS = np.array([[1.0, 0.1, 0.1], [0.1, 1.0, 0.1], [0.1, 0.1, 1.0], [0.9, 0.9, 0.1]])
LABELS = ("red", "green", "blue", "yellow")
PREPROCESSING = Preprocessing(size_wh=(SIDE, SIDE), layout="nchw")
RIDGE = 0.1
"""Share of the features' mean power: less fits better, and turns what 8 bits round off into large errors."""
Real = NDArray[np.float32]


class Scenes(NamedTuple):
    """Pictures, and what is in them."""

    pictures: Pictures
    centre_yx: NDArray[np.float64]
    """0..1."""
    radius: NDArray[np.float64]
    """0..1."""


@cache
def scenes(count: int, seed: int) -> Scenes:
    """`count` pictures, the classes in turn."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 4
    centre, radius = random.uniform(0.3, 0.7, (count, 2)), random.uniform(0.12, 0.25, count)
    rows, columns = (np.mgrid[:SIDE, :SIDE] + 0.5) / SIDE
    apart = (rows - centre[:, 0, None, None]) ** 2 + (columns - centre[:, 1, None, None]) ** 2
    spot = np.exp(-apart / (2 * (radius[:, None, None] / 2) ** 2))
    frames = 25 + 200 * spot[..., None] * COLOURS[labels][:, None, None] + random.normal(0, 4, (count, SIDE, SIDE, 3))
    return Scenes(Pictures(frames.clip(0, 255).astype(np.uint8), labels.astype(np.int64)), centre, radius)


class Shape(NamedTuple):
    """One architecture."""

    activation: str = "Relu"
    middle: str = "plain"
    """plain, depthwise, grouped, residual, concat, batchnorm or maxpool."""
    kernel: int = 3
    channels: int = 16
    seed: int = 0
    train: int = 300
    """Pictures the last layer is fitted to."""


class Network(NamedTuple):
    """A float ONNX file and what it means."""

    model: Any
    task: Task
    decoding: Decoding
    outputs: tuple[str, ...]


class _Graph:
    """Nodes and constants on the way to a graph."""

    def __init__(self, seed: int) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.random = np.random.default_rng(seed)

    def constant(self, name: str, values: Any) -> str:
        kind = np.int64 if np.asarray(values).dtype.kind == "i" else np.float32
        self.constants.append(numpy_helper.from_array(np.asarray(values, kind), name))
        return name

    def node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def conv(self, source: str, output: str, shape: tuple[int, int, int, int], **attributes: Any) -> str:
        values = self.random.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)
        weights = self.constant(f"{output}.w", values)
        bias = self.constant(f"{output}.b", self.random.normal(0, 0.05, shape[0]))
        pads = [shape[2] // 2] * 4
        return self.node("Conv", [source, weights, bias], output, pads=pads, **attributes)

    def activation(self, kind: str, source: str) -> str:
        output = f"{source}.act"
        if kind == "Relu6":
            ends = [self.constant(f"{output}.low", 0.0), self.constant(f"{output}.high", 6.0)]
            return self.node("Clip", [source, *ends], output)
        return self.node(kind, [source], output)


def network(task: Task, shape: Shape = Shape()) -> Network:  # noqa: B008
    """A fitted network for `task`."""
    if task == "segment":
        return _segmenter(shape)
    graph = _Graph(shape.seed)
    features = _backbone(graph, shape)
    known = scenes(shape.train, 1000)
    readings = _readings(graph, features, known.pictures)
    outputs = {}
    for name, wanted, ending in _targets(task, known):
        weights = _fitted(readings, wanted)
        graph.constant(f"{name}.w", weights[:-1])
        graph.constant(f"{name}.b", weights[-1])
        flat = graph.node("Gemm", [features, f"{name}.w", f"{name}.b"], name if not ending else f"{name}.flat")
        if ending:
            graph.node("Reshape", [flat, graph.constant(f"{name}.shape", np.array(ending))], name)
        outputs[name] = list(ending) or [1, wanted.shape[1]]
    return Network(_model(graph, outputs), task, _DECODING[task], tuple(outputs))


_DECODING: dict[str, Decoding] = {
    "classify": Classify(scores="scores", activation="softmax"),
    "detect": DetectCorners(boxes="boxes", scores="scores", score_threshold=0.3),
    "keypoints": Keypoints(points="points"),
    "regress": Regress(values=(Estimate(name="size", output="size"), Estimate(name="height", output="height"))),
    "anomaly": Anomaly(output="size"),
    "segment": Segment(map="map", form="scores", layout="nchw"),
}


def _targets(task: Task, known: Scenes) -> list[tuple[str, NDArray[np.float64], tuple[int, ...]]]:
    """Outputs by name: what they should say of each picture, and their shape where it is not (1, K)."""
    classes, (y, x), radius = np.eye(4)[known.pictures.labels], known.centre_yx.T, known.radius
    if task == "classify":
        return [("scores", 4 * classes - 2, ())]
    if task == "detect":
        corners = np.stack([x - radius, y - radius, x + radius, y + radius], axis=1)
        return [("boxes", corners, (1, 1, 4)), ("scores", 0.9 * classes, (1, 1, 4))]
    if task == "keypoints":
        ones = np.ones_like(y)
        return [("points", np.stack([y, x, ones, y + radius, x + radius, ones], axis=1), (1, 1, 2, 3))]
    if task == "anomaly":
        return [("size", radius[:, None], ())]
    return [("size", radius[:, None], ()), ("height", y[:, None], ())]


def _backbone(graph: _Graph, shape: Shape) -> str:
    many, size = shape.channels, shape.kernel
    first = graph.activation(shape.activation, graph.conv("image", "c1", (many, 3, size, size), strides=[2, 2]))
    middle = _MIDDLE[shape.middle](graph, first, many, size)
    middle = graph.activation(shape.activation, middle)
    last = graph.activation(shape.activation, graph.conv(middle, "c3", (24, many, size, size), strides=[2, 2]))
    pooled = graph.node("AveragePool", [last], "pooled", kernel_shape=[2, 2], strides=[2, 2])
    return graph.node("Flatten", [pooled], "features")


def _plain(graph: _Graph, source: str, many: int, size: int) -> str:
    return graph.conv(source, "c2", (many, many, size, size))


def _depthwise(graph: _Graph, source: str, many: int, size: int) -> str:
    spread = graph.conv(source, "c2d", (many, 1, size, size), group=many)
    return graph.conv(spread, "c2", (many, many, 1, 1))


def _grouped(graph: _Graph, source: str, many: int, size: int) -> str:
    return graph.conv(source, "c2", (many, many // 2, size, size), group=2)


def _residual(graph: _Graph, source: str, many: int, size: int) -> str:
    return graph.node("Add", [source, _plain(graph, source, many, size)], "sum")


def _concat(graph: _Graph, source: str, many: int, size: int) -> str:
    halves = [graph.conv(source, name, (many // 2, many, size, size)) for name in ("c2a", "c2b")]
    return graph.node("Concat", halves, "joined", axis=1)


def _batchnorm(graph: _Graph, source: str, many: int, size: int) -> str:
    random = graph.random
    numbers = {"scale": random.uniform(0.5, 1.5, many), "shift": random.normal(0, 0.1, many)}
    numbers |= {"mean": random.normal(0, 0.1, many), "variance": random.uniform(0.5, 1.5, many)}
    names = [graph.constant(f"bn.{name}", values) for name, values in numbers.items()]
    return graph.node("BatchNormalization", [_plain(graph, source, many, size), *names], "normal")


def _maxpool(graph: _Graph, source: str, many: int, size: int) -> str:
    pooled = graph.node("MaxPool", [source], "largest", kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[1, 1])
    return _plain(graph, pooled, many, size)


_MIDDLE = {
    "plain": _plain,
    "depthwise": _depthwise,
    "grouped": _grouped,
    "residual": _residual,
    "concat": _concat,
    "batchnorm": _batchnorm,
    "maxpool": _maxpool,
}


def _segmenter(shape: Shape) -> Network:
    """A score map: for each pixel how far it is one of the colours, or darkness."""
    graph = _Graph(shape.seed)
    mean = 1 / shape.kernel**2
    weights = np.zeros((5, 3, shape.kernel, shape.kernel))
    weights[:4] = 2 * (COLOURS[:, :, None, None] - 0.4) * mean
    graph.constant("map.w", weights)
    graph.constant("map.b", np.array([0.0, 0, 0, 0, 0.3]))
    graph.node("Conv", ["image", "map.w", "map.b"], "map", pads=[shape.kernel // 2] * 4)
    return Network(_model(graph, {"map": [1, 5, SIDE, SIDE]}), "segment", _DECODING["segment"], ("map",))


def _model(graph: _Graph, outputs: dict[str, list[int]]) -> Any:
    ends = [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIDE, SIDE])]
    answers = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()]
    made = helper.make_graph(graph.nodes, "network", ends, answers, graph.constants)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _readings(graph: _Graph, features: str, pictures: Pictures) -> Real:
    """What the features say of each picture."""
    half = graph.nodes[:]
    ends = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])
    answer = helper.make_tensor_value_info(features, TensorProto.FLOAT, None)
    made = helper.make_graph(half, "features", [ends], [answer], graph.constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    real = real_values(pictures.frames, PREPROCESSING).transpose(0, 3, 1, 2)
    return np.asarray(session.run(None, {"image": np.ascontiguousarray(real)})[0], np.float32)


def _fitted(readings: Real, wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ridge regression around the means: (features + 1, K), the last row the constant."""
    middle, level = readings.mean(axis=0, dtype=np.float64), wanted.mean(axis=0)
    rows = readings - middle
    slack = RIDGE * np.trace(rows.T @ rows) / rows.shape[1] * np.eye(rows.shape[1])
    weights = np.linalg.solve(rows.T @ rows + slack, rows.T @ (wanted - level))
    return np.vstack([weights, level - middle @ weights])
