"""The inputs and outputs of a converted `.tflite`: in the source's order, under the source's names.

The converter numbers its outputs `Identity`, `Identity_1` and so on, in the order of the function it was given, and may
list them in another. So the order is taken from the names, and where they do not tell it the file is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from contract.errors import ModelError
from converters.tflite_tree import read_tree, write_tree

_NUMBERED = re.compile(r"^(?:StatefulPartitionedCall[:\d]*|Identity(?:_(?P<place>\d+))?)(?:_int\d+)?\Z")
_SIGNATURE = b"serving_default"


def name_ends(model: bytes, inputs: Sequence[str], outputs: Sequence[str], *, where: str) -> bytes:
    """`model` as TensorFlow's converter wrote it, with inputs and outputs named, ordered, and said in a signature.

    ModelError where the converter's own names do not tell which output is which.
    """
    tree = read_tree(model, where=where)
    graph = tree.subgraphs[0]
    graph.outputs = _ordered(graph, outputs, where)
    if len(graph.inputs) != len(inputs):
        raise _lost(f"{len(graph.inputs)} of {len(inputs)} inputs are left", where)
    _rename(graph, graph.inputs, inputs)
    _rename(graph, graph.outputs, outputs)
    sign(tree)
    return write_tree(tree, attached_to=model)


def converters_name(name: str, outputs: Sequence[str]) -> str:
    """What TensorFlow's converter calls a tensor that `name_ends` gave this name."""
    place = list(outputs).index(name) if name in outputs else None
    if place is None:
        return name
    return f"Identity_{place}" if place else "Identity"


def check_there(model: bytes, names: Sequence[str], *, where: str) -> None:
    """ModelError where no tensor of `model` bears one of `names`: a layer to keep in float that nobody knows."""
    there = {tensor.name.decode(errors="replace") for tensor in read_tree(model, where=where).subgraphs[0].tensors}
    if unknown := sorted(set(names) - there):
        raise ModelError(f"no layer is called {unknown[0]!r}", where=where, fix="Take names from the layer report.")


def sign(tree: Any) -> None:
    """Say the ends of the first graph in a signature, under their tensors' names, as quantisers want it."""
    from ai_edge_litert import schema_py_generated as schema

    graph, signature = tree.subgraphs[0], schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = _SIGNATURE, 0
    signature.inputs = [_entry(graph, index) for index in graph.inputs]
    signature.outputs = [_entry(graph, index) for index in graph.outputs]
    tree.signatureDefs = [signature]


def _entry(graph: Any, index: int) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = graph.tensors[index].name, index
    return entry


def _ordered(graph: Any, outputs: Sequence[str], where: str) -> list[int]:
    """The output tensors by the number in their names; one alone has its place whatever it is called."""
    if len(graph.outputs) == len(outputs) == 1:
        return [int(graph.outputs[0])]
    by_place: dict[int, int] = {}
    for index in graph.outputs:
        name = graph.tensors[index].name.decode(errors="replace")
        found = _NUMBERED.match(name)
        if found is None:
            raise _lost(f"output {name!r} bears no number of its place", where)
        by_place[int(found["place"] or 0)] = int(index)
    if sorted(by_place) != list(range(len(outputs))):
        raise _lost(f"outputs {sorted(by_place)} of {len(outputs)} are left", where)
    return [by_place[place] for place in range(len(outputs))]


def _rename(graph: Any, indices: Sequence[int], names: Sequence[str]) -> None:
    for index, name in zip(indices, names, strict=True):
        graph.tensors[index].name = name.encode()


def _lost(what: str, where: str) -> ModelError:
    return ModelError(
        f"the TFLite converter lost the order of the model's ends: {what}",
        where=where,
        fix="Give each output a tensor of its own, and let every input count.",
    )
