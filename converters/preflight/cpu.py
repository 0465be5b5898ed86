"""What a model meets on a device whose own processor runs it: quick kernels or slow ones, and room in memory.

A `.tflite` runs by LiteRT, which gives XNNPACK what it takes and does the rest in kernels of its own; an `.onnx` runs
by onnxruntime, which has a kernel for every standard operator of the opsets it knows.
"""

from __future__ import annotations

from collections.abc import Iterator

from contract.manifest import Format
from converters.cost.onnx_work import onnx_lives
from converters.cost.tflite_work import tflite_lives
from converters.onnx_graph import STANDARD, OnnxGraph, read_onnx
from converters.preflight.partition import parts_of
from converters.preflight.report import Preflight, Refusal, counted, gathered
from converters.preflight.xnnpack_rules import SOURCE, takes
from converters.tflite_graph import Graph, Operator, read_graph
from devices.cost.memory import arena_bytes, process_mib
from devices.profiles import Profile

MODEL = "MODEL"
OWN_CUSTOM = ("CUSTOM:TFLite_Detection_PostProcess", "CUSTOM:NumericVerify", "CUSTOM:Mfcc", "CUSTOM:AudioSpectrogram")
"""The custom operators LiteRT brings with it (tflite/kernels/register.cc)."""
COMPILED = "CUSTOM:edgetpu-custom-op"
NEWEST_OPSET, NEWEST_IR = 21, 10
"""Of onnxruntime 1.19, the oldest that profiles allow (onnxruntime.ai/docs/reference/compatibility.html)."""
_COMPATIBLE = "onnxruntime.ai/docs/reference/compatibility.html"
_NO_TIME = "devices/catalog, int8"


def preflight_tflite(model: bytes, profile: Profile, *, where: str = "the model") -> Preflight:
    """What LiteRT on `profile` makes of a `.tflite`. ModelError for what is none, or a damaged one."""
    graph = read_graph(model, where=where)
    quick = [takes(operator) for operator in graph.operators]
    left = [operator for operator, taken in zip(graph.operators, quick, strict=True) if not taken]
    refusals = gathered(_tflite_refusals(graph))
    unknown = {refusal.operator for refusal in refusals}
    slow = (_slow(operator) for operator in left if operator.name not in unknown)
    memory = len(model), graph.parameters_bytes, arena_bytes(tflite_lives(graph))
    return Preflight(
        target=profile.name,
        processor="XNNPACK",
        operators=len(graph.operators),
        operators_mapped=len(graph.operators) - len(left),
        left_on_cpu=counted(operator.name for operator in left),
        parts=sum(part.accelerated for part in parts_of(graph, quick)),
        fits=not refusals,
        refusals=refusals,
        warnings=gathered((*slow, *_tflite_warnings(graph, profile), *_memory(memory, "tflite", profile))),
    )


def preflight_onnx(model: bytes, profile: Profile, *, where: str = "the model") -> Preflight:
    """What onnxruntime on `profile` makes of an `.onnx`. ModelError for what is none, or a damaged one."""
    graph = read_onnx(model, where=where)
    foreign = [node for node in graph.nodes if node.domain not in STANDARD]
    refusals = gathered(_onnx_refusals(graph))
    memory = len(model), graph.parameters_bytes, arena_bytes(onnx_lives(graph))
    return Preflight(
        target=profile.name,
        processor="onnxruntime",
        operators=len(graph.nodes),
        operators_mapped=len(graph.nodes) - len(foreign),
        left_on_cpu=counted(node.type for node in foreign),
        parts=1 if len(foreign) < len(graph.nodes) else 0,
        fits=not refusals,
        refusals=refusals,
        warnings=gathered((*_onnx_warnings(graph, profile), *_memory(memory, "onnx", profile))),
    )


def _tflite_refusals(graph: Graph) -> Iterator[Refusal]:
    for operator in graph.operators:
        if not operator.name.startswith("CUSTOM:") or operator.name in OWN_CUSTOM:
            continue
        fix = "Convert it with TFLITE_BUILTINS alone."
        if operator.name == COMPILED:
            fix = "Ship the uncompiled twin: a compiled model runs beside an Edge TPU only."
        yield Refusal(
            operator=operator.name,
            cause="LiteRT has no such operator",
            fix=fix,
            where=operator.where,
            source="google-ai-edge/LiteRT, tflite/kernels/register.cc",
        )


def _slow(operator: Operator) -> Refusal:
    kind = operator.outputs[0].type if operator.outputs else ""
    return Refusal(
        operator=operator.name,
        cause=f"XNNPACK does not take it with {kind.lower()} numbers; LiteRT's own kernel does it",
        fix="Nothing to do where it works on few numbers, as at a network's end; else use an operator of the list.",
        where=operator.where,
        source=SOURCE,
    )


def _tflite_warnings(graph: Graph, profile: Profile) -> Iterator[Refusal]:
    results = {operator.outputs[0].type for operator in graph.operators if operator.outputs}
    weights = {t.type for o in graph.operators for t in o.given if t.constant and len(t.shape) >= 2}
    if results & {"INT8", "UINT8"}:
        yield from _int8_without_instructions(profile)
    if "INT16" in results:
        yield _whole(
            "16-bit activations run in LiteRT's reference kernels", "Use int8 where its accuracy holds.", SOURCE
        )
    if "FLOAT32" in results and "INT8" in weights and not results & {"INT8", "UINT8"}:
        fix = "Use int8 with calibration pictures, or one thread."
        yield _whole("8-bit weights with float activations gain size and no time", fix, SOURCE)
    if any(tensor.dynamic for tensor in graph.inputs):
        yield _whole(
            "the batch is left open", "Convert it with batch 1, so that shapes are known before it runs.", SOURCE
        )


def _onnx_refusals(graph: OnnxGraph) -> Iterator[Refusal]:
    for node in graph.nodes:
        if node.domain not in STANDARD and node.domain != "com.microsoft":
            cause = f"{node.domain}:{node.type} is no standard operator"
            yield Refusal(operator=node.type, cause=cause, fix="Export with standard operators.", where=node.where)
    if graph.opset > NEWEST_OPSET:
        cause = f"opset {graph.opset}, and onnxruntime 1.19 reads up to {NEWEST_OPSET}"
        yield _whole(cause, f"Convert it with opset {NEWEST_OPSET} or older.", _COMPATIBLE)
    if graph.ir_version > NEWEST_IR:
        cause = f"IR version {graph.ir_version}, and onnxruntime 1.19 reads up to {NEWEST_IR}"
        yield _whole(cause, f"Write ir_version {NEWEST_IR} into the file; the graph need not change.", _COMPATIBLE)


def _onnx_warnings(graph: OnnxGraph, profile: Profile) -> Iterator[Refusal]:
    if any(node.type in ("QuantizeLinear", "QLinearConv") for node in graph.nodes):
        yield from _int8_without_instructions(profile)
    if any(value.shape is None or None in value.shape for value in graph.inputs):
        yield _whole("a size of the input is left open", "Convert it with batch 1 and all sizes fixed.", _COMPATIBLE)


def _int8_without_instructions(profile: Profile) -> Iterator[Refusal]:
    if profile.int8 in ("neither", "unknown"):
        yield _whole(
            f"{profile.processor} is not known to have instructions for 8-bit products: int8 may save no time",
            "Compare both with edgeferry bench on the board; int8 still takes a quarter of the memory.",
            _NO_TIME,
        )


def _memory(sizes: tuple[int, int, int], format: Format, profile: Profile) -> Iterator[Refusal]:
    needed = process_mib(*sizes, format=format, accelerator="none")
    if needed > profile.memory_budget_mib:
        yield _whole(
            f"it needs about {needed:.0f} MiB, and the service may take {profile.memory_budget_mib} MiB",
            "Use int8 weights, a smaller input or a narrower network.",
            "devices/catalog, memory_budget_mib",
        )


def _whole(cause: str, fix: str, source: str) -> Refusal:
    return Refusal(operator=MODEL, cause=cause, fix=fix, source=source)
