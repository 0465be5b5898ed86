"""A foreign `.tflite` as it is, but for what it leaves open: sizes that are known and not said, a signature, and the
numbers of its operators in the newer of two fields, the only one that LiteRT's quantiser reads.

Weights and operators are not touched, so answers are equal to the bit. A file that says everything is copied.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from contract.errors import ModelError
from converters.int8_twin import KEEPS_UINT8
from converters.tflite_audit import operator_problems
from converters.tflite_ends import sign
from converters.tflite_tree import builtin_code, read_tree, write_tree


def still(model: bytes, *, where: str) -> bytes:
    """`model` with batch 1 said wherever it was left open, and one signature.

    ModelError for weights outside the file, custom operators that not every runtime has, and another batch than 1.
    """
    tree = read_tree(model, where=where)
    if len(tree.subgraphs or ()) == 0:
        raise _refused("it holds no graph", where)
    if found := list(operator_problems(tree, custom=(KEEPS_UINT8.decode(),))):
        raise _refused("; ".join(found[:3]), where)
    graph = tree.subgraphs[0]
    if not len(graph.inputs) or not len(graph.outputs):
        raise _refused("it has no input or no output", where)
    opened = [tensor for each in tree.subgraphs for tensor in each.tensors if _is_open(tensor)]
    for index in graph.inputs:
        tensor = graph.tensors[index]
        if list(tensor.shape)[:1] != [1]:
            raise _refused(
                f"input {tensor.name.decode(errors='replace')!r} is {list(tensor.shape)}, not batch 1", where
            )
    if not opened and tree.signatureDefs and all(code.builtinCode == builtin_code(code) for code in tree.operatorCodes):
        return model
    for code in tree.operatorCodes:
        code.builtinCode = builtin_code(code)
    for tensor in opened:
        # The shape beside it is the one for batch 1, which every runtime starts with.
        tensor.shapeSignature = np.asarray(tensor.shape, np.int32)
    if not tree.signatureDefs:
        sign(tree)
    return write_tree(tree, attached_to=model)


def _is_open(tensor: Any) -> bool:
    return tensor.shapeSignature is not None and min(tensor.shapeSignature, default=1) < 0


def _refused(what: str, where: str) -> ModelError:
    return ModelError(what, where=where, fix="Export the model again, with TFLite's own operators and fixed sizes.")
