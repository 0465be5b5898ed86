"""What the Edge TPU's compiler made of a model, read from its file, and whether that is what was predicted."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from contract.errors import ModelError
from converters.preflight.darwinn import parameters
from converters.preflight.edgetpu import COMPILED
from converters.preflight.report import Preflight, counted
from converters.tflite_graph import read_graph

MEMORY_OFF = 0.1
"""Weights on the chip are predicted within 1.5 % for convolutions; further off than this, something else is in it."""


class Compiled(Struct, frozen=True, kw_only=True):
    """A `_edgetpu.tflite`."""

    parts: int
    """Operators that run on the Edge TPU; each is a part of the original."""
    left_on_cpu: dict[str, int]
    cached_bytes: int
    streamed_bytes: int


def read_compiled(model: bytes, *, where: str = "the compiled model") -> Compiled:
    """What stands in `model`. ModelError for what is no TFLite file, damaged, or was never compiled."""
    graph = read_graph(model, where=where)
    programs = [operator for operator in graph.operators if operator.name == COMPILED]
    if not programs:
        raise ModelError("it holds no Edge TPU operator", where=where, fix="Run edgetpu_compiler on it first.")
    memory = [parameters(operator.custom_options, where=where) for operator in programs]
    return Compiled(
        parts=len(programs),
        left_on_cpu=counted(operator.name for operator in graph.operators if operator.name != COMPILED),
        cached_bytes=sum(each.cached for each in memory),
        streamed_bytes=sum(each.streamed for each in memory),
    )


def differences(predicted: Preflight, compiled: Compiled) -> Iterator[str]:
    """Each point in which the compiler decided otherwise, as a sentence; nothing where the prediction held."""
    if compiled.parts != predicted.parts:
        yield f"predicted {predicted.parts} part on the Edge TPU, compiled {compiled.parts}"
    for name in sorted({*predicted.left_on_cpu, *compiled.left_on_cpu}):
        expected, found = predicted.left_on_cpu.get(name, 0), compiled.left_on_cpu.get(name, 0)
        if expected != found:
            yield f"predicted {expected} {name} on the CPU, the compiler left {found}"
    needed = (compiled.cached_bytes + compiled.streamed_bytes) / 1024**2
    if predicted.cache_mib and not predicted.cache_at_least and abs(predicted.cache_mib / needed - 1) > MEMORY_OFF:
        yield f"predicted {predicted.cache_mib:.2f} MiB of weights on the chip, compiled to {needed:.2f} MiB"
