"""Which part of a model an Edge TPU would take, from the `.tflite` itself: the closed compiler is not needed.

The compiler (edgetpu_compiler 16, the last one) takes operators that keep the rules of `edgetpu_rules.py`, joins them
into one part and leaves the rest to the CPU. Of several parts it keeps the first: so the first operator it refuses
sends everything behind it to the CPU. A model with open sizes, or one that is not quantised, it refuses as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from converters.preflight.edgetpu_memory import CACHE_BYTES, UNROLLED, parameters_bytes
from converters.preflight.edgetpu_rules import INT8, REQUIREMENTS, Objection, doubts, objections
from converters.preflight.partition import parts_of
from converters.preflight.report import Preflight, Refusal, counted, gathered
from converters.tflite_graph import Graph, Operator, read_graph
from devices.profiles import Profile

COMPILED = "CUSTOM:edgetpu-custom-op"
MODEL = "MODEL"
_DYNAMIC = "github.com/tensorflow/tensorflow/issues/88361 and google-coral/edgetpu/issues/829"
_JOIN = "Join the parts: nothing that runs on the CPU may feed two of them."
_STREAMED = "coral.ai/docs/edgetpu/compiler, Parameter data caching"


def preflight_edgetpu(model: bytes, profile: Profile, *, where: str = "the model") -> Preflight:
    """What the compiler would make of `model`. ModelError for what is no TFLite file, or a damaged one."""
    graph = read_graph(model, where=where)
    refused = _refused(graph, profile)
    whole = tuple(_of_the_model(graph))
    mapped = mapped_operators(graph, profile)
    cached, streamed = parameters_bytes(mapped)
    on_device = {operator.index for operator in mapped}
    left = [operator for operator in graph.operators if operator.index not in on_device]
    return Preflight(
        target=profile.name,
        processor="Edge TPU",
        operators=len(graph.operators),
        operators_mapped=len(mapped),
        left_on_cpu=counted(operator.name for operator in left),
        parts=1 if mapped else 0,
        cache_mib=round(cached / 1024**2, 3),
        cache_at_least=any(operator.name in UNROLLED for operator in mapped),
        streamed_mib=round(streamed / 1024**2, 3),
        fits=bool(mapped),
        refusals=gathered(_with_the_worst(whole, graph, refused) if whole else _refusals(graph, left, refused)),
        warnings=gathered(_warnings(mapped, streamed)),
    )


def mapped_operators(graph: Graph, profile: Profile) -> tuple[Operator, ...]:
    """The operators of the one part the compiler keeps, in their order; none where it refuses the model."""
    if any(_of_the_model(graph)):
        return ()
    refused = _refused(graph, profile)
    takes = [not refused[operator.index] for operator in graph.operators]
    return next((part.operators for part in parts_of(graph, takes) if part.accelerated), ())


def _refused(graph: Graph, profile: Profile) -> dict[int, tuple[Objection, ...]]:
    """By operator, everything against it."""
    known = frozenset(profile.model.operators) if profile.model else frozenset()
    return {operator.index: tuple(objections(operator, known)) for operator in graph.operators}


def _of_the_model(graph: Graph) -> Iterator[Refusal]:
    """What makes the compiler refuse all of it."""
    if any(operator.name == COMPILED for operator in graph.operators):
        yield _whole("it is compiled already", "Give the uncompiled model: the compiler takes nothing else.")
        return
    if any(tensor.dynamic for tensor in graph.tensors):
        name = next(tensor.name for tensor in graph.tensors if tensor.dynamic)
        yield _whole(
            f"the size of {name!r} is left open", "Convert it with batch 1 and all sizes fixed.", source=_DYNAMIC
        )
    if not any(tensor.type in INT8 and tensor.scales and not tensor.constant for tensor in graph.tensors):
        yield _whole("it is not quantised", "Convert it to int8 with calibration pictures.")


def _with_the_worst(
    whole: Sequence[Refusal], graph: Graph, refused: Mapping[int, Sequence[Objection]]
) -> Iterator[Refusal]:
    """What the whole model lacks, and what would be refused even if it had that."""
    yield from whole
    if any(operator.name == COMPILED for operator in graph.operators):
        return
    for operator in graph.operators:
        for objection in refused[operator.index]:
            if objection.source != REQUIREMENTS:
                yield _of_operator(operator, objection)


def _refusals(graph: Graph, left: Sequence[Operator], refused: Mapping[int, Sequence[Objection]]) -> Iterator[Refusal]:
    """Why each operator is left: its own fault, or that of one before it."""
    behind = _stoppers(graph, refused)
    for operator in left:
        for objection in refused[operator.index]:
            yield _of_operator(operator, objection)
        stopper = behind.get(operator.index)
        if not refused[operator.index]:
            cause = f"it comes behind {stopper.name}, which stays" if stopper else "it is in a second part"
            yield Refusal(
                operator=operator.name,
                cause=f"{cause} on the CPU, and only the first part of a model runs on the Edge TPU",
                fix=f"Mend {stopper.name} as said there, or let the model end before it." if stopper else _JOIN,
                where=operator.where,
                source=REQUIREMENTS,
            )


def _stoppers(graph: Graph, refused: Mapping[int, Sequence[Objection]]) -> dict[int, Operator]:
    """By operator, the first refused one among all it depends on."""
    of_tensor: dict[int, Operator] = {}
    found: dict[int, Operator] = {}
    for operator in graph.operators:
        before = [of_tensor[tensor.index] for tensor in operator.given if tensor.index in of_tensor]
        if before:
            found[operator.index] = min(before, key=lambda earlier: earlier.index)
        stopper = found.get(operator.index, operator if refused[operator.index] else None)
        if stopper:
            of_tensor.update(dict.fromkeys((tensor.index for tensor in operator.outputs), stopper))
    return found


def _warnings(mapped: Sequence[Operator], streamed: int) -> Iterator[Refusal]:
    for operator in mapped:
        for objection in doubts(operator):
            yield _of_operator(operator, objection)
    if streamed:
        yield _whole(
            f"{streamed / 1024**2:.1f} MiB of its weights do not fit on the chip and cross the bus for every frame",
            f"Make it smaller: {CACHE_BYTES / 1024**2:.1f} MiB fit.",
            source=_STREAMED,
        )


def _of_operator(operator: Operator, objection: Objection) -> Refusal:
    return Refusal(
        operator=operator.name,
        cause=objection.cause,
        fix=objection.fix,
        where=operator.where,
        source=objection.source,
    )


def _whole(cause: str, fix: str, *, source: str = REQUIREMENTS) -> Refusal:
    return Refusal(operator=MODEL, cause=cause, fix=fix, source=source)
