"""Whether TensorRT would take an ONNX model as it is, told without TensorRT and without a Jetson.

An engine fits one GPU and one version of TensorRT, so none is ever shipped: what travels is ONNX, and the device
builds. What the builder would refuse there is found here. ONNX Runtime gives TensorRT the nodes it takes and computes
the others itself, so most refusals cost time and do not stop the model; `fits` says whether it runs at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from converters.onnx_graph import STANDARD, Node, OnnxGraph, read_onnx
from converters.preflight.qdq import qdq_problems
from converters.preflight.report import Preflight, Refusal, counted, gathered
from converters.preflight.tensorrt import TensorRt, tensorrt_of
from devices.profiles import Profile

MODEL = "MODEL"
LARGEST_HALF = 65504.0
"""The largest number of IEEE 754 binary16."""
RESIZE_MODES = ("nearest", "linear")
RESIZE_PLACES = ("half_pixel", "pytorch_half_pixel", "tf_half_pixel_for_nn", "asymmetric", "align_corners")
_FOLDED = ("Constant", "Identity", "QuantizeLinear", "DequantizeLinear")
_BUILT = "NVIDIA TensorRT support matrix: an engine fits one GPU and one version of TensorRT"
_HALVES = "IEEE 754-2008, binary16"


def preflight_jetson(model: bytes, profile: Profile, *, where: str = "the model") -> Preflight:
    """What TensorRT of this profile would say to `model`. ModelError for what is no ONNX file, or a damaged one."""
    graph = read_onnx(model, where=where)
    version = tensorrt_of(profile.name)
    refused = {node.index: tuple(_of_node(graph, node, version)) for node in graph.nodes}
    whole = tuple(_of_the_model(graph, version))
    left = list(graph.nodes) if whole else [node for node in graph.nodes if refused[node.index]]
    quantised = tuple(qdq_problems(graph, version.source))
    return Preflight(
        target=profile.name,
        processor=f"TensorRT {version.name}",
        operators=len(graph.nodes),
        operators_mapped=len(graph.nodes) - len(left),
        left_on_cpu=counted(node.type for node in left),
        parts=_parts(graph, refused) if not whole else 0,
        fits=not any(_foreign(node) for node in graph.nodes),
        refusals=gathered((*whole, *(refusal for node in graph.nodes for refusal in refused[node.index]), *quantised)),
        warnings=gathered(_warnings(graph, profile)),
    )


def _of_the_model(graph: OnnxGraph, version: TensorRt) -> Iterator[Refusal]:
    if graph.opset > version.opset:
        yield _whole(
            f"opset {graph.opset}, and TensorRT {version.name} reads up to {version.opset}",
            f"Convert it with opset {version.opset} or older.",
            version.source,
        )
    if graph.ir_version > version.ir_version:
        yield _whole(
            f"IR version {graph.ir_version}, and the parser of TensorRT {version.name} knows {version.ir_version}",
            f"Write ir_version {version.ir_version} into the file; the graph need not change.",
            "onnx/docs/Versioning.md",
        )
    for value in (*graph.inputs, *graph.outputs):
        if value.shape is None or None in value.shape:
            yield _whole(
                f"a size of {value.name!r} is left open",
                "Convert it with batch 1 and all sizes fixed: a dynamic engine needs a profile and builds anew.",
                "NVIDIA TensorRT developer guide, Working with dynamic shapes",
            )


def _of_node(graph: OnnxGraph, node: Node, version: TensorRt) -> Iterator[Refusal]:
    if _foreign(node):
        fix = "Export with standard operators; a plug-in would have to be on every device."
        yield _about(node, f"{node.domain}:{node.type} is no standard operator", fix, version.source)
        return
    if node.type in version.unsupported:
        fix = INSTEAD.get(node.type, "Replace it by standard operators TensorRT has, or do it on the host.")
        yield _about(node, f"TensorRT {version.name} has no {node.type}", fix, version.source)
    if node.type == "Resize":
        yield from _resize(node, version)
    if node.type in ("AveragePool", "MaxPool", "LpPool") and any(d != 1 for d in node.attributes.get("dilations", ())):
        yield _about(node, "its pool is dilated", "Pool without dilation.", version.source)
    if node.type == "MaxPool" and len(node.outputs) > 1:
        yield _about(node, "it answers indices as well", "Ask for the values alone.", version.source)
    for name in (*node.inputs, *node.outputs):
        if graph.value(name).dtype in ("STRING", "UINT16", "UINT32", "UINT64", "COMPLEX64", "COMPLEX128"):
            kind = graph.value(name).dtype.lower()
            yield _about(node, f"{name!r} is {kind}", "Use float32, int32 or bool.", version.source)


def _resize(node: Node, version: TensorRt) -> Iterator[Refusal]:
    mode = _text(node.attributes.get("mode", "nearest"))
    place = _text(node.attributes.get("coordinate_transformation_mode", "half_pixel"))
    if mode not in RESIZE_MODES:
        yield _about(node, f"it resizes by {mode!r}", "Resize by nearest or linear.", version.source)
    if place not in RESIZE_PLACES:
        yield _about(
            node, f"it places pixels by {place!r}", "Use half_pixel, asymmetric or align_corners.", version.source
        )
    if node.attributes.get("antialias"):
        yield _about(node, "it smooths while it resizes", "Resize without antialias.", version.source)


def _warnings(graph: OnnxGraph, profile: Profile) -> Iterator[Refusal]:
    """What is taken, and changed or lost on the way."""
    wide = sum(graph.value(name).dtype == "DOUBLE" for node in graph.nodes for name in node.outputs)
    if wide:
        yield _whole(f"{wide} values are float64, which becomes float32", "Convert it in float32.", _BUILT)
    if large := [name for name in graph.constants if _beyond_int32(graph, name)]:
        cause = f"int64 {large[0]!r} holds numbers that int32 does not, and TensorRT 8 clamps them"
        yield _whole(cause, "Keep indices and sizes below 2**31.", "onnx-tensorrt, docs/operators.md")
    precision = profile.model.precision if profile.model else ""
    if precision == "fp16" and (found := list(_beyond_half(graph))):
        name, largest = found[0]
        yield _whole(
            f"{len(found)} weights reach beyond {LARGEST_HALF:g}, {name!r} up to {largest:g}: infinite in fp16",
            "Scale that layer, fold normalisation into it, or keep it in fp32.",
            _HALVES,
        )


def _beyond_int32(graph: OnnxGraph, name: str) -> bool:
    if graph.value(name).dtype != "INT64":
        return False
    numbers = graph.array(name)
    # Slice says "to the end" with the largest number there is; clamped, it says the same.
    ends = (np.iinfo(np.int64).max, np.iinfo(np.int64).min)
    return numbers is not None and any(abs(int(n)) >= 2**31 for n in numbers.ravel() if int(n) not in ends)


def _beyond_half(graph: OnnxGraph) -> Iterator[tuple[str, float]]:
    for name in graph.constants:
        if graph.value(name).dtype in ("FLOAT", "DOUBLE"):
            numbers = graph.array(name)
            largest = float(np.max(np.abs(numbers), initial=0.0)) if numbers is not None else 0.0
            if largest > LARGEST_HALF:
                yield name, largest


def _parts(graph: OnnxGraph, refused: Mapping[int, tuple[Refusal, ...]]) -> int:
    """Into how many runs of nodes, in the file's order, the taken ones fall: each becomes an engine of its own."""
    takes = [not refused[node.index] for node in graph.nodes if node.type not in _FOLDED]
    return sum(now and not before for before, now in zip([False, *takes], takes, strict=False))


def _foreign(node: Node) -> bool:
    return node.domain not in STANDARD


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _about(node: Node, cause: str, fix: str, source: str) -> Refusal:
    return Refusal(operator=node.type, cause=cause, fix=fix, where=node.where, source=source)


def _whole(cause: str, fix: str, source: str) -> Refusal:
    return Refusal(operator=MODEL, cause=cause, fix=fix, source=source)


INSTEAD = {
    "ConvInteger": "Quantise in QDQ form: QuantizeLinear and DequantizeLinear around float operators.",
    "DynamicQuantizeLinear": "Quantise statically, with calibration pictures.",
    "HardSwish": "Write it as x * relu6(x + 3) / 6, or use RELU6 and train again.",
    "LayerNormalization": "Export with opset 16 or older, which writes it as ReduceMean, Sub, Pow, Sqrt and Div.",
    "MatMulInteger": "Quantise in QDQ form: QuantizeLinear and DequantizeLinear around float operators.",
    "NonZero": "Its answer has no fixed size: do it on the host.",
    "QLinearConv": "Quantise in QDQ form: QuantizeLinear and DequantizeLinear around float operators.",
    "QLinearMatMul": "Quantise in QDQ form: QuantizeLinear and DequantizeLinear around float operators.",
}
"""For the operators met most often."""
