"""Small sources of every kind, made on the spot, and what an artifact of theirs answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from contract.manifest import Classify, Preprocessing, State
from converters.answers import Asked
from converters.feeds import as_input, picture_name
from converters.recipe import Recipe, format_of
from converters.source import UNKNOWN, Pictures, Source, SourceKind
from edge.backends import open_backend

SIZE = 32


def pictures(count: int, seed: int, shape: tuple[int, ...] = (SIZE, SIZE, 3)) -> NDArray[np.uint8]:
    """Noise, (count, *shape)."""
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), np.uint8)


def source(
    kind: SourceKind,
    model: Path,
    outputs: tuple[str, ...],
    preprocessing: Preprocessing | None = None,
    states: tuple[State, ...] = (),
) -> Source:
    """A source for pictures of noise, 8 of them to calibrate on and 4 to compare."""
    chosen = preprocessing or Preprocessing(size_wh=(SIZE, SIZE))
    width, height = chosen.size_wh
    shape = (height, width, 1 if chosen.colour == "grey" else 3)
    return Source(
        name="small",
        origin=model.name,
        kind=kind,
        model=model,
        preprocessing=chosen,
        task="classify",
        outputs=outputs,
        decoding=Classify(scores=outputs[0]),
        labels=(),
        states=states,
        calibration=Pictures(pictures(8, 1, shape), np.full(8, UNKNOWN)),
        golden=Pictures(pictures(4, 2, shape), np.full(4, UNKNOWN)),
        lineage={},
        card=b"",
    )


def answers_of(recipe: Recipe, model: Path, source: Source) -> list[tuple[str, NDArray[np.float32]]]:
    """Name and real values (N, ...) of each output, in the artifact's own order, for the source's golden pictures."""
    asked = Asked(open_backend(format_of(recipe), model))
    picture = picture_name(tuple(asked.inputs), source.states)
    zeros = {state.input: np.zeros(asked.inputs[state.input], np.float32) for state in source.states}
    found = [
        asked.ask({picture: as_input(frame, source.preprocessing, asked.inputs[picture]), **zeros})
        for frame in source.golden.frames
    ]
    return [(name, np.concatenate([answers[name] for answers in found])) for name in found[0]]


def decibels(true: NDArray[np.floating], given: NDArray[np.floating]) -> float:
    """Signal to noise."""
    noise = np.square(true.astype(np.float64) - given).sum()
    return float(10 * np.log10(np.square(true, dtype=np.float64).sum() / max(noise, 1e-30)))


def onnx_network(path: Path, *, batch: int | str = 1, opset: int = 17) -> Path:
    """NCHW as PyTorch exports: a map (1, 5, 16, 16) called `heat`, then scores (1, 4) called `a_scores`."""
    draw = np.random.default_rng(0)
    weights = [
        numpy_helper.from_array((draw.standard_normal(shape) * 0.3).astype(np.float32), name)
        for name, shape in (("first", (8, 3, 3, 3)), ("second", (5, 8, 1, 1)), ("third", (8, 4)))
    ]
    nodes = [
        helper.make_node("Conv", ["picture", "first"], ["a"], pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Identity", ["b"], ["b2"]),
        helper.make_node("Conv", ["b2", "second"], ["heat"]),
        helper.make_node("GlobalAveragePool", ["b"], ["c"]),
        helper.make_node("Flatten", ["c"], ["d"]),
        helper.make_node("MatMul", ["d", "third"], ["e"]),
        helper.make_node("Softmax", ["e"], ["a_scores"]),
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, *sizes])
        for name, sizes in (("picture", (3, SIZE, SIZE)), ("heat", (5, 16, 16)), ("a_scores", (4,)))
    ]
    graph = helper.make_graph(nodes, "small", ends[:1], ends[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.save(model, str(path))
    return path


def onnx_source(path: Path, outputs: Sequence[str] = ("heat", "a_scores")) -> Source:
    """The source of `onnx_network`."""
    return source("onnx", path, tuple(outputs), Preprocessing(size_wh=(SIZE, SIZE), layout="nchw"))
