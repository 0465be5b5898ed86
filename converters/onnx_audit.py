"""Whether an ONNX model is 8-bit where it counts, static, and made of standard operators only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from contract.errors import ModelError

WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_FLOAT = 1
"""TensorProto.FLOAT in onnx.proto3."""


def audit(model: Any, *, where: str) -> None:
    """Raise ModelError naming what keeps `model` (a ModelProto) from being a static QDQ int8 model."""
    found = list(problems(model))
    if found:
        raise ModelError(
            f"not a QDQ int8 model: {'; '.join(found[:3])}",
            where=where,
            fix="Use layers onnxruntime can quantise, with fixed sizes.",
        )


def problems(model: Any) -> Iterator[str]:
    """Each reason against `model`, as words."""
    graph = model.graph
    for role, values in (("input", graph.input), ("output", graph.output)):
        if len(values) != 1:
            yield f"{len(values)} {role}s, expected one"
        for value in values:
            tensor = value.type.tensor_type
            sizes = [dimension.dim_value for dimension in tensor.shape.dim]
            if tensor.elem_type != _FLOAT or sizes[:1] != [1] or min(sizes) < 1:
                yield f"{role} {value.name!r} is not float32 of fixed size with batch 1"
    dequantised = {node.output[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    for node in graph.node:
        if node.domain not in ("", "ai.onnx"):
            yield f"operator {node.domain}:{node.op_type} is not a standard one"
        if node.op_type in WEIGHTED and not set(node.input[:2]) <= dequantised:
            yield f"{node.op_type} {node.name!r} stayed in floating point"
