"""Whether a `.tflite` is int8 from the first byte to the last, read from the flatbuffer and not from the interpreter.

The interpreter hides what matters here: it folds variables, and it shows scales a layer does not have. The schema
module comes with ai-edge-litert; no TensorFlow is needed. Format: schema.fbs of LiteRT, `Model` and `SubGraph`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from contract.errors import ModelError
from converters.tflite_tree import builtin_code, names_of, read_tree

INTEGER_TYPES = ("INT8", "INT32")
"""Activations and weights; biases, and the shapes some operators take as input."""
VARIABLES = ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE")
BOUNDARY = ("QUANTIZE", "DEQUANTIZE")


def audit(model: bytes, *, where: str) -> None:
    """Raise ModelError naming the first few things that keep `model` from being int8, static and whole."""
    found = list(problems(model, where=where))
    if found:
        more = f", and {len(found) - 3} more" if len(found) > 3 else ""
        raise ModelError(
            f"not a full-int8 model: {'; '.join(found[:3])}{more}",
            where=where,
            fix="Use layers that have int8 kernels, with fixed sizes.",
        )


def problems(model: bytes, *, where: str) -> Iterator[str]:
    """Each reason against `model`, as words. ModelError where it is no TFLite file at all."""
    from ai_edge_litert import schema_py_generated as schema

    tree = read_tree(model, where=where)
    if len(tree.subgraphs or ()) != 1:
        yield f"{len(tree.subgraphs or ())} subgraphs, expected one"
        return
    graph = tree.subgraphs[0]
    yield from _tensor_problems(graph, names_of(schema.TensorType))
    yield from _operator_problems(tree, graph, names_of(schema.BuiltinOperator))


def _tensor_problems(graph: Any, types: dict[int, str]) -> Iterator[str]:
    for tensor in graph.tensors:
        name, kind = tensor.name.decode(errors="replace"), types.get(tensor.type, str(tensor.type))
        if kind not in INTEGER_TYPES:
            yield f"tensor {name!r} is {kind}"
        if tensor.shapeSignature is not None and min(tensor.shapeSignature, default=1) < 0:
            yield f"tensor {name!r} has no fixed size"
    for role, indices in (("input", graph.inputs), ("output", graph.outputs)):
        if len(indices) != 1:
            yield f"{len(indices)} {role}s, expected one"
        for index in indices:
            tensor = graph.tensors[index]
            if types.get(tensor.type) != "INT8" or list(tensor.shape)[:1] != [1]:
                yield f"the {role} is {types.get(tensor.type)} {list(tensor.shape)}, expected INT8 with batch 1"


def _operator_problems(tree: Any, graph: Any, operators: dict[int, str]) -> Iterator[str]:
    for operator in graph.operators:
        code = tree.operatorCodes[operator.opcodeIndex]
        # Operators above 127 stand in the newer field only; schema.fbs, OperatorCode.
        name = operators.get(builtin_code(code), "unknown")
        if name in VARIABLES:
            yield f"{name}: its weights were left outside the file"
        elif name == "CUSTOM" or code.customCode:
            yield f"custom operator {(code.customCode or b'').decode(errors='replace')!r}"
        elif name in BOUNDARY:
            yield f"{name} inside: part of it runs in another type"
