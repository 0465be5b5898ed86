"""How much memory a model needs while it runs: its weights, and the tensors alive at the same time.

Tensors are placed as LiteRT's arena places them (tflite/simple_memory_arena.cc; Pisarchyk and Lee, arXiv 2001.03288):
the largest first, each at the lowest address where nothing alive at the same time lies. What a process takes before any
model was measured: 46 MiB with Python, numpy, LiteRT and MQTT, 57 MiB with onnxruntime in LiteRT's place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from contract.manifest import Format

MIB = 1024**2
RUNTIME_MIB: dict[Format, float] = {"tflite": 46.0, "onnx": 57.0}
"""Resident memory of a device's process before it loads a model (Debian 12, x86-64, ai-edge-litert 2.3.0)."""
Accelerator = Literal["none", "edgetpu", "cuda"]
ACCELERATOR_MIB: dict[Accelerator, float] = {"none": 0.0, "edgetpu": 20.0, "cuda": 600.0}
"""What the accelerator's own library takes of the host's memory: assumptions, measured by nobody here."""
PACKED_COPIES = 1.0
"""XNNPACK and onnxruntime keep weights a second time, laid out for their kernels."""
_ALIGNMENT = 64


@dataclass(frozen=True, slots=True)
class Life:
    """A tensor's size, and the steps in which it exists."""

    size_bytes: int
    first: int
    last: int


def arena_bytes(lives: Sequence[Life]) -> int:
    """The room for all of them, where those that never meet may share."""
    placed: list[tuple[int, Life]] = []
    for life in sorted(lives, key=lambda life: (-life.size_bytes, life.first)):
        at = 0
        for start, other in sorted(placed, key=lambda pair: pair[0]):
            meet = life.first <= other.last and other.first <= life.last
            if meet and start < at + life.size_bytes and at < start + other.size_bytes:
                at = -(-(start + other.size_bytes) // _ALIGNMENT) * _ALIGNMENT
        placed.append((at, life))
    return max((start + life.size_bytes for start, life in placed), default=0)


def process_mib(model_bytes: int, weights_bytes: int, arena: int, *, format: Format, accelerator: Accelerator) -> float:
    """What the whole process takes, at its peak: library, file, packed weights and tensors."""
    model = (model_bytes + PACKED_COPIES * weights_bytes + arena) / MIB
    return RUNTIME_MIB[format] + ACCELERATOR_MIB[accelerator] + model
