"""Whether a `.tflite` stores its numbers as promised and is whole, read from the flatbuffer and not the interpreter.

The interpreter hides what matters here: it folds variables, and it shows scales a layer does not have. The schema
module comes with ai-edge-litert; no TensorFlow is needed. Format: schema.fbs of LiteRT, `Model` and `SubGraph`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from contract.errors import ModelError
from converters.recipe import CALIBRATED, Recipe
from converters.tflite_tree import builtin_code, names_of, read_tree
from converters.tflite_types import constant

WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")
VARIABLES = ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE")
_INDICES = ("INT32", "INT64", "BOOL")
"""Shapes that operators read, class numbers, and what tells one from another."""
COMPUTED: dict[Recipe, tuple[str, ...]] = {
    "tflite-float32": ("FLOAT32",),
    "tflite-float16": ("FLOAT32",),
    "tflite-dynamic": ("FLOAT32",),
    "tflite-int8": ("INT8",),
    "tflite-int16x8": ("INT16",),
}
"""What activations are, inputs and outputs among them."""
STORED: dict[Recipe, tuple[str, ...]] = {
    "tflite-float32": ("FLOAT32",),
    "tflite-float16": ("FLOAT16", "FLOAT32"),
    "tflite-dynamic": ("INT8", "FLOAT32"),
    "tflite-int8": ("INT8",),
    "tflite-int16x8": ("INT8", "INT16"),
}
"""What weights and biases are, beside whole numbers."""
_FIX = "Use layers that have kernels for it, with fixed sizes."


def audit(
    model: bytes,
    recipe: Recipe = "tflite-int8",
    *,
    where: str,
    whole: bool = True,
    kept_float: Sequence[str] = (),
) -> None:
    """Raise ModelError naming the first few things that keep `model` from being what `recipe` says, and static.

    Where it need not be `whole`, operators without weights may stay in floating point (there is no 8-bit NEG), and
    those with weights that somebody asked to keep so, named in `kept_float` by their output.
    """
    found = list(problems(model, recipe, where=where, whole=whole, kept_float=kept_float))
    if found:
        more = f", and {len(found) - 3} more" if len(found) > 3 else ""
        what = f"not a {recipe.replace('tflite-int8', 'full-int8')} model: {'; '.join(found[:3])}{more}"
        raise ModelError(what, where=where, fix=_FIX)


def problems(
    model: bytes,
    recipe: Recipe = "tflite-int8",
    *,
    where: str,
    whole: bool = True,
    kept_float: Sequence[str] = (),
) -> Iterator[str]:
    """Each reason against `model`, as words. ModelError where it is no TFLite file at all."""
    from ai_edge_litert import schema_py_generated as schema

    tree = read_tree(model, where=where)
    if len(tree.subgraphs or ()) != 1:
        yield f"{len(tree.subgraphs or ())} subgraphs, expected one"
        return
    types = names_of(schema.TensorType)
    yield from _end_problems(tree.subgraphs[0], recipe, types)
    yield from _tensor_problems(tree, recipe, types, whole)
    yield from operator_problems(tree)
    if not whole and recipe in CALIBRATED:
        yield from _float_weights(tree, kept_float)


def left_in_float(model: bytes, *, where: str) -> dict[str, int]:
    """Operators of a quantised `model` that compute in floating point, and how many there are of each."""
    tree = read_tree(model, where=where)
    found: dict[str, int] = {}
    for name, operator in _operators(tree):
        if name not in ("QUANTIZE", "DEQUANTIZE") and _is_float(tree, operator.outputs[0]):
            found[name] = found.get(name, 0) + 1
    return found


def _float_weights(tree: Any, kept_float: Sequence[str]) -> Iterator[str]:
    names = [tensor.name.decode(errors="replace") for tensor in tree.subgraphs[0].tensors]
    # A float layer at the end has its name from the QUANTIZE that makes 8 bits of it.
    stored = {int(each.inputs[0]): int(each.outputs[0]) for name, each in _operators(tree) if name == "QUANTIZE"}
    for name, operator in _operators(tree):
        index = int(operator.outputs[0])
        kept = {names[index], names[stored.get(index, index)]} & set(kept_float)
        if name in WEIGHTED and _is_float(tree, index) and not kept:
            yield f"{name} {names[index]!r} stayed in floating point"


def _operators(tree: Any) -> Iterator[tuple[str, Any]]:
    from ai_edge_litert import schema_py_generated as schema

    names = names_of(schema.BuiltinOperator)
    for operator in tree.subgraphs[0].operators or ():
        # Operators above 127 stand in the newer field only; schema.fbs, OperatorCode.
        yield names.get(builtin_code(tree.operatorCodes[operator.opcodeIndex]), "unknown"), operator


def _is_float(tree: Any, index: int) -> bool:
    from ai_edge_litert import schema_py_generated as schema

    return bool(tree.subgraphs[0].tensors[index].type == schema.TensorType.FLOAT32)


def _tensor_problems(tree: Any, recipe: Recipe, types: dict[int, str], whole: bool) -> Iterator[str]:
    more = () if whole else ("FLOAT32",)
    computed = {*COMPUTED[recipe], *_INDICES, *more}
    stored = {*STORED[recipe], *_INDICES, *more}
    makers = _makers(tree)
    used = _used(tree)
    for index, tensor in enumerate(tree.subgraphs[0].tensors):
        if index not in used:
            continue  # a place in the list that no operator reads or writes
        name, kind = tensor.name.decode(errors="replace"), types.get(tensor.type, str(tensor.type))
        # An operator's own memory may be wider: an LSTM's cell is 16 bits in an int8 model.
        if not tensor.isVariable and kind not in (stored if constant(tree, tensor) else computed | stored):
            yield f"tensor {name!r}{makers.get(index, '')} is {kind}"
        if tensor.shapeSignature is not None and min(tensor.shapeSignature, default=1) < 0:
            yield f"tensor {name!r} has no fixed size"


def _used(tree: Any) -> set[int]:
    """Tensors that an operator reads or writes, and those of the model's ends."""
    graph = tree.subgraphs[0]
    named = {int(index) for _, each in _operators(tree) for index in (*each.inputs, *each.outputs)}
    return named | {int(index) for index in (*graph.inputs, *graph.outputs)}


def _makers(tree: Any) -> dict[int, str]:
    """Which operator computes a tensor, as words."""
    return {int(index): f" of {name}" for name, operator in _operators(tree) for index in operator.outputs}


def _end_problems(graph: Any, recipe: Recipe, types: dict[int, str]) -> Iterator[str]:
    for role, indices in (("input", graph.inputs), ("output", graph.outputs)):
        if len(indices) == 0:
            yield f"0 {role}s, expected one"
        for index in indices:
            tensor = graph.tensors[index]
            allowed = (*COMPUTED[recipe], *(_INDICES if role == "output" else ()))
            if types.get(tensor.type) not in allowed or list(tensor.shape)[:1] != [1]:
                found = f"{types.get(tensor.type)} {list(tensor.shape)}"
                yield f"the {role} is {found}, expected {COMPUTED[recipe][0]} with batch 1"


def operator_problems(tree: Any, custom: Sequence[str] = ()) -> Iterator[str]:
    """Operators that no file should have whatever its numbers; `custom` names those allowed nevertheless."""
    for name, operator in _operators(tree):
        code = tree.operatorCodes[operator.opcodeIndex]
        own = (code.customCode or b"").decode(errors="replace")
        if name in VARIABLES:
            yield f"{name}: its weights were left outside the file"
        elif (name == "CUSTOM" or own) and own not in custom:
            yield f"custom operator {own!r}"
