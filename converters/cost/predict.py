"""What a model file costs on a device nobody has at hand: counted here, summed up in `devices/cost`."""

from __future__ import annotations

from contract.manifest import Format
from converters.cost import onnx_work
from converters.cost.tflite_work import tflite_lives, work_of
from converters.onnx_graph import OnnxGraph, read_onnx
from converters.preflight.edgetpu import mapped_operators
from converters.preflight.edgetpu_memory import parameters_bytes
from converters.tflite_graph import Graph, read_graph
from devices.cost.memory import arena_bytes
from devices.cost.predict import Cost, Counted, cost_of
from devices.cost.tables import Precision
from devices.profiles import Profile


def predict(model: bytes, format: Format, profile: Profile, *, where: str = "the model") -> Cost:
    """What `model` costs on `profile`. ModelError for a file that cannot be read."""
    counted = _tflite(model, profile, where) if format == "tflite" else _onnx(model, profile, where)
    return cost_of(counted, format, profile)


def _tflite(model: bytes, profile: Profile, where: str) -> Counted:
    graph = read_graph(model, where=where)
    mapped = mapped_operators(graph, profile) if profile.accelerator == "edgetpu" else ()
    on_device = {operator.index for operator in mapped}
    return Counted(
        model_bytes=len(model),
        mapped=tuple(work_of(operator) for operator in mapped),
        left=tuple(work_of(operator) for operator in graph.operators if operator.index not in on_device),
        streamed=parameters_bytes(mapped)[1],
        precision=_tflite_precision(graph),
        parameters_bytes=graph.parameters_bytes,
        arena_bytes=arena_bytes(tflite_lives(graph)),
        accelerator="edgetpu" if mapped else "none",
    )


def _onnx(model: bytes, profile: Profile, where: str) -> Counted:
    graph = read_onnx(model, where=where)
    return Counted(
        model_bytes=len(model),
        mapped=(),
        left=tuple(onnx_work.works_of(graph)),
        streamed=0,
        precision=_onnx_precision(graph),
        parameters_bytes=graph.parameters_bytes,
        arena_bytes=arena_bytes(onnx_work.onnx_lives(graph)),
        accelerator="cuda" if profile.accelerator == "cuda" else "none",
    )


def _tflite_precision(graph: Graph) -> Precision:
    """Of the numbers most of the work is done in: 16-bit activations run no quicker than floats."""
    results = [operator.outputs[0] for operator in graph.operators if operator.outputs]
    eight = sum(tensor.type in ("INT8", "UINT8") for tensor in results)
    return "int8" if 2 * eight > len(results) else "float32"


def _onnx_precision(graph: OnnxGraph) -> Precision:
    kinds = {node.type for node in graph.nodes}
    if kinds & {"QuantizeLinear", "QLinearConv", "ConvInteger"}:
        return "int8"
    return "float16" if any(value.dtype == "FLOAT16" for value in graph.values.values()) else "float32"
