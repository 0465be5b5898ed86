"""Every intermediate tensor of a float model and of its 8-bit twin, compared while pictures run through both.

Runs inside `converters.worker` only. Sums are kept, and no tensors, so a set of pictures takes no more memory than one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.codec import to_json
from converters.feeds import Feeds
from converters.jobs import Job
from converters.layer_errors import CLEAN_DB, LayerError, LayerReport

Tensors = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Layer:
    """An operator as both files know it."""

    name: str
    operator: str
    inputs: tuple[str, ...]
    output: str


@dataclass(frozen=True, slots=True)
class Watched:
    """A model that shows all it computes, as real numbers."""

    inputs: dict[str, tuple[int, ...]]
    layers: tuple[Layer, ...]
    run: Callable[[Mapping[str, NDArray[np.float32]]], Tensors]


@dataclass(slots=True)
class _Sums:
    signal: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    noise: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def decibels(self, name: str) -> float:
        """At most `CLEAN_DB`, which is also what an unknown tensor gets: an input, or one that was folded away."""
        signal, noise = self.signal.get(name, 0.0), self.noise.get(name, 0.0)
        return min(10 * float(np.log10(signal / noise)), CLEAN_DB) if signal > 0 and noise > 0 else CLEAN_DB


def compare(job: Job) -> bytes:
    """The `LayerReport` of `job.quantised` against `job.model`, as JSON, worst first."""
    watch = watch_onnx if job.source_kind == "onnx" else watch_tflite
    assert job.quantised is not None
    with TemporaryDirectory(prefix="edgeferry-layers-") as scratch:
        true, given = watch(_as_quantised(job, Path(scratch))), watch(Path(job.quantised))
    sums = _Sums()
    for feed in Feeds(Path(job.frames), job.preprocessing, true.inputs, job.states):
        expected, found = true.run(feed), given.run(feed)
        for name in expected.keys() & found.keys():
            if expected[name].shape == found[name].shape:
                sums.signal[name] += float(np.square(expected[name], dtype=np.float64).sum())
                sums.noise[name] += float(np.square(expected[name].astype(np.float64) - found[name]).sum())
    return to_json(LayerReport(layers=tuple(sorted(_errors(true, sums), key=lambda error: -error.added_noise))))


def _as_quantised(job: Job, scratch: Path) -> Path:
    """The float model as the quantiser saw it: onnxruntime's merges batch normalisations into convolutions first."""
    if job.source_kind != "onnx":
        return Path(job.model)
    from converters.onnx_int8 import prepare

    prepare(Path(job.model), scratch / "prepared.onnx")
    return scratch / "prepared.onnx"


def _errors(model: Watched, sums: _Sums) -> Iterator[LayerError]:
    """Of each layer whose output is in both files; the inputs of others are looked for further up."""
    reached: dict[str, float] = {}
    for layer in model.layers:
        before = min((reached.get(name, CLEAN_DB) for name in layer.inputs), default=CLEAN_DB)
        if layer.output not in sums.noise:
            reached[layer.output] = before
            continue
        after = reached[layer.output] = sums.decibels(layer.output)
        added = 10 ** (-after / 10) - 10 ** (-before / 10)
        yield LayerError(
            name=layer.name, operator=layer.operator, sqnr_db=round(after, 2), added_noise=float(f"{added:.3g}")
        )


def watch_tflite(path: Path) -> Watched:
    """By LiteRT's reference kernels, which keep every tensor when they are asked to."""
    import warnings

    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that this is for looking inside, which it is
        interpreter = Interpreter(
            model_path=str(path),
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            experimental_preserve_all_tensors=True,
        )
    interpreter.allocate_tensors()
    details = {each["index"]: each for each in interpreter.get_tensor_details()}
    layers = tuple(_tflite_layers(interpreter, details))

    def run(feed: Mapping[str, NDArray[np.float32]]) -> Tensors:
        for each in interpreter.get_input_details():
            interpreter.set_tensor(each["index"], _stored(feed[each["name"]], each))
        interpreter.invoke()
        outputs = {layer.output for layer in layers}
        return {
            each["name"]: _real(interpreter.get_tensor(index), each)
            for index, each in details.items()
            if each["name"] in outputs
        }

    inputs = {each["name"]: tuple(map(int, each["shape"])) for each in interpreter.get_input_details()}
    return Watched(inputs, layers, run)


def _tflite_layers(interpreter: Any, details: Mapping[int, Any]) -> Iterator[Layer]:
    for operator in interpreter._get_ops_details():
        inputs = tuple(details[index]["name"] for index in operator["inputs"] if index in details)
        output = details[operator["outputs"][0]]["name"]
        yield Layer(output, operator["op_name"], inputs, output)


def _stored(real: NDArray[np.float32], details: Mapping[str, Any]) -> NDArray[Any]:
    scale, zero_point = details["quantization"]
    kind = np.dtype(details["dtype"])
    if kind.kind == "f" or not scale:
        return real.astype(kind)
    limits = np.iinfo(kind)
    stored: NDArray[Any] = np.clip(np.rint(real / scale + zero_point), limits.min, limits.max).astype(kind)
    return stored


def _real(array: NDArray[Any], details: Mapping[str, Any]) -> NDArray[np.float32]:
    scale, zero_point = details["quantization"]
    if array.dtype.kind == "f" or not scale:
        return array.astype(np.float32)
    real: NDArray[np.float32] = ((array.astype(np.float64) - zero_point) * scale).astype(np.float32)
    return real


def watch_onnx(path: Path) -> Watched:
    """With every tensor an output, under the name of the node that gives it: a QDQ file has other tensors and the same
    nodes. Without optimisations, which would merge what is to be told apart.
    """
    import onnx
    import onnxruntime

    graph = (model := onnx.load(str(path))).graph
    inferred = onnx.shape_inference.infer_shapes(model).graph
    floats = {
        value.name
        for value in (*inferred.value_info, *inferred.output)
        if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    }
    makers = {node.output[0]: node for node in graph.node if node.output[0] in floats}
    layers = tuple(
        Layer(node.name, node.op_type, tuple(makers[name].name for name in node.input if name in makers), node.name)
        for node in makers.values()
    )
    del graph.output[:]
    graph.output.extend(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in makers)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def run(feed: Mapping[str, NDArray[np.float32]]) -> Tensors:
        answers = session.run(list(makers), dict(feed))
        return {node.name: np.asarray(answer) for node, answer in zip(makers.values(), answers, strict=True)}

    inputs = {value.name: tuple(value.shape) for value in session.get_inputs()}
    return Watched(inputs, layers, run)
