"""A float16 `.tflite` as float32: the same numbers, written in the width that quantisers and other formats begin with.

Such a file stores weights as halves, each behind a DEQUANTIZE; here the weight is written as what that gives.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from converters.tflite_audit import audit
from converters.tflite_tree import builtin_code, read_tree, write_tree
from converters.tflite_types import constant


def widened(model: bytes, *, where: str) -> bytes:
    """`model` with every half written as float32. ModelError where halves are computed with, and not only stored."""
    from ai_edge_litert import schema_py_generated as schema

    tree = read_tree(model, where=where)
    graph = tree.subgraphs[0]
    kept, places = [], dict[int, int]()
    for operator in graph.operators:
        stored = graph.tensors[operator.inputs[0]] if len(operator.inputs) else None
        wide = (
            builtin_code(tree.operatorCodes[operator.opcodeIndex]) == schema.BuiltinOperator.DEQUANTIZE
            and stored is not None
            and stored.type == schema.TensorType.FLOAT16
            and constant(tree, stored)
        )
        if wide and stored is not None:
            places[stored.buffer] = _write_wide(tree, stored, graph.tensors[operator.outputs[0]])
        else:
            kept.append(operator)
    graph.operators = kept
    _forget_halves(tree, places)
    made = write_tree(tree, attached_to=model)
    audit(made, "tflite-float32", where=where)
    return made


def _write_wide(tree: Any, stored: Any, computed: Any) -> int:
    """Turn a DEQUANTIZE's output into a constant of its own; the number of its buffer."""
    from ai_edge_litert import schema_py_generated as schema

    halves = np.frombuffer(np.asarray(tree.buffers[stored.buffer].data, np.uint8).tobytes(), "<f2")
    tree.buffers.append(schema.BufferT())
    tree.buffers[-1].data = np.frombuffer(halves.astype("<f4").tobytes(), np.uint8)
    computed.buffer = len(tree.buffers) - 1
    return int(computed.buffer)


def _forget_halves(tree: Any, wide: dict[int, int]) -> None:
    """Let the halves that nobody reads any more, whose places must stay, be the wide numbers that came of them.

    Quantisers ask for the data of every tensor there is, read or not.
    """
    from ai_edge_litert import schema_py_generated as schema

    graph = tree.subgraphs[0]
    read = {int(index) for operator in graph.operators for index in operator.inputs}
    for index, tensor in enumerate(graph.tensors):
        if tensor.type == schema.TensorType.FLOAT16 and index not in read and tensor.buffer in wide:
            tree.buffers[tensor.buffer].data = None
            tensor.type, tensor.buffer = schema.TensorType.FLOAT32, wide[tensor.buffer]
