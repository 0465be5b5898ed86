"""Whether an ONNX model stores its numbers as promised, is static, and is made of standard operators only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from contract.errors import ModelError
from converters.recipe import Recipe

WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_FLOAT, _HALF = 1, 10
_OUTPUTS = (_FLOAT, 3, 6, 7)
"""TensorProto's FLOAT, FLOAT16, INT8, INT32 and INT64 in onnx.proto3: class numbers are whole."""


def audit(model: Any, recipe: Recipe = "onnx-int8", *, where: str, kept_float: Sequence[str] = ()) -> None:
    """Raise ModelError naming what keeps `model` (a ModelProto) from being a static model as `recipe` says.

    `kept_float` are nodes that somebody asked to keep in floating point.
    """
    found = list(problems(model, recipe, kept_float=kept_float))
    if found:
        name = recipe.replace("onnx-int8", "QDQ int8")
        raise ModelError(
            f"not a {name} model: {'; '.join(found[:3])}",
            where=where,
            fix="Use layers onnxruntime knows, with fixed sizes.",
        )
    _check_sound(model, where)


def _check_sound(model: Any, where: str) -> None:
    """By onnx's own checker, which infers every size: a tensor that two nodes mean differently shows here."""
    import onnx

    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as problem:
        what = f"the converters left a graph that contradicts itself: {' '.join(str(problem).split())[:200]}"
        raise ModelError(what, where=where, fix="Report it with this model.") from problem


def problems(model: Any, recipe: Recipe = "onnx-int8", *, kept_float: Sequence[str] = ()) -> Iterator[str]:
    """Each reason against `model`, as words."""
    yield from _end_problems(model.graph)
    yield from _unknown_operators(model)
    if recipe == "onnx-int8":
        yield from _left_in_float(model.graph, kept_float)
        return
    for node in model.graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            yield f"{node.op_type} {node.name!r} in a floating-point model"
    yield from _wrong_weights(model.graph, _HALF if recipe == "onnx-float16" else _FLOAT)


def _unknown_operators(model: Any) -> Iterator[str]:
    """Those that the standard of the file's own opset does not have; tf2onnx writes what it does not know as it is."""
    import onnx

    opset = max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=1)
    for operator, domain in sorted({(node.op_type, node.domain) for node in model.graph.node}):
        try:
            known = domain in ("", "ai.onnx") and not onnx.defs.get_schema(operator, opset).deprecated
        except onnx.defs.SchemaError:
            known = False
        if not known:
            yield f"operator {domain}:{operator} is not a standard one".replace(" :", " ")


def _end_problems(graph: Any) -> Iterator[str]:
    for role, values, types in (("input", graph.input, (_FLOAT,)), ("output", graph.output, _OUTPUTS)):
        if not values:
            yield f"0 {role}s, expected one"
        for value in values:
            tensor = value.type.tensor_type
            sizes = [dimension.dim_value for dimension in tensor.shape.dim]
            batch = sizes[:1] == [1] or role == "output"
            if tensor.elem_type not in types or not batch or min(sizes, default=1) < 1:
                yield f"{role} {value.name!r} is not float32 of fixed size with batch 1"


def _left_in_float(graph: Any, kept_float: Sequence[str]) -> Iterator[str]:
    dequantised = {node.output[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    for node in graph.node:
        kept = node.name in kept_float
        if node.op_type in WEIGHTED and not kept and not set(node.input[:2]) <= dequantised:
            yield f"{node.op_type} {node.name!r} stayed in floating point"


def _wrong_weights(graph: Any, wanted: int) -> Iterator[str]:
    """Operators whose weights have another type than the model promises."""
    types = {tensor.name: tensor.data_type for tensor in graph.initializer}
    for node in graph.node:
        for name in node.input[1:2] if node.op_type in WEIGHTED else ():
            if name in types and types[name] != wanted:
                yield f"the weights of {node.op_type} {node.name!r} are of type {types[name]}, expected {wanted}"
