"""How a `.tflite` stores its numbers, told from the types of its tensors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from converters.tflite_tree import names_of

Stored = Literal["tflite-float32", "tflite-float16", "tflite-dynamic", "tflite-uint8", "tflite-int8", "tflite-int16x8"]


def stored_as(tree: Any) -> Stored:
    """Of a file's tree (`converters/tflite_tree.py`): the types of what is computed, then those of what is stored."""
    computed = {kind for kind, constant in _types(tree) if not constant}
    stored = {kind for kind, constant in _types(tree) if constant}
    if "INT16" in computed and "INT8" not in computed:
        return "tflite-int16x8"
    if "INT8" in computed:
        return "tflite-int8"
    if "UINT8" in computed:
        return "tflite-uint8"
    if "INT8" in stored:
        return "tflite-dynamic"
    return "tflite-float16" if "FLOAT16" in stored else "tflite-float32"


def constant(tree: Any, tensor: Any) -> bool:
    """Whether the tensor's numbers stand in the file."""
    data = tree.buffers[tensor.buffer].data
    return data is not None and len(data) > 0


def _types(tree: Any) -> Iterator[tuple[str, bool]]:
    """Type and constancy of every tensor that is no memory of an operator (an LSTM's cell is 16 bits in int8 files)."""
    from ai_edge_litert import schema_py_generated as schema

    types = names_of(schema.TensorType)
    for graph in tree.subgraphs or ():
        for tensor in graph.tensors:
            if not tensor.isVariable:
                yield types.get(tensor.type, "unknown"), constant(tree, tensor)
