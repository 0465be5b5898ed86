"""One byte string per ONNX network, whichever process wrote it.

tf2onnx puts counters into names that differ from one process to the next, and later tools order nodes by name. Here
nodes are ordered by how the output depends on them, names follow from that order, and everything that says when or by
which version a file was made is dropped. Only names and order change: the network is the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from contract.errors import ModelError

INPUT, OUTPUT = "image", "scores"
IR_VERSION = 8
"""Of ONNX 1.12, which brought opset 17: old runtimes refuse newer ones by this number alone."""
PRODUCER = "edgeferry"


def canonical_bytes(model: Any, *, where: str) -> bytes:
    """`model` (a ModelProto with one input and one output) in its canonical form, serialised.

    Raises ModelError for control flow: a subgraph has names of its own, and none of our models needs one.
    """
    import onnx

    graph = model.graph
    nodes = list(_in_order(graph, where))
    initial = {tensor.name: tensor for tensor in graph.initializer}
    renamed = _names(graph, nodes)
    weights = [_renamed_weight(initial[name], new) for name, new in renamed.items() if name in initial]
    for number, node in enumerate(nodes):
        node.name = f"{node.op_type}_{number}"
        node.input[:] = [renamed[name] if name else "" for name in node.input]
        node.output[:] = [renamed[name] if name else "" for name in node.output]
        node.doc_string = ""
        node.attribute.sort(key=lambda attribute: attribute.name)
    values = [_renamed_value(value, renamed) for value in (graph.input[0], graph.output[0])]
    body = onnx.helper.make_graph(nodes, PRODUCER, values[:1], values[1:], weights)
    opsets = [entry for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    made = onnx.helper.make_model(
        body, opset_imports=opsets, ir_version=IR_VERSION, producer_name=PRODUCER, producer_version=""
    )
    return bytes(made.SerializeToString(deterministic=True))


def _in_order(graph: Any, where: str) -> Iterator[Any]:
    """Nodes the output depends on, each after those it reads: depth first, inputs in their order."""
    maker = {name: node for node in graph.node for name in node.output}
    done: set[int] = set()
    waiting = [(maker[graph.output[0].name], False)]
    while waiting:
        node, inputs_done = waiting.pop()
        if id(node) in done:
            continue
        if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
            raise ModelError(f"control flow ({node.op_type})", where=where, fix="Use a network without branches.")
        if inputs_done:
            done.add(id(node))
            yield node
        else:
            waiting.append((node, True))
            waiting += [(maker[name], False) for name in reversed(node.input) if name in maker]


def _names(graph: Any, nodes: list[Any]) -> dict[str, str]:
    """New names by old ones, in the order of first use."""
    renamed = {graph.input[0].name: INPUT, graph.output[0].name: OUTPUT}
    for node in nodes:
        for name in (*node.input, *node.output):
            if name and name not in renamed:
                renamed[name] = f"t{len(renamed) - 2}"
    return renamed


def _renamed_weight(tensor: Any, name: str) -> Any:
    """A copy without its old name, with its numbers as raw bytes whichever field held them."""
    import onnx

    return onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor), name)


def _renamed_value(value: Any, renamed: dict[str, str]) -> Any:
    import onnx

    tensor = value.type.tensor_type
    sizes = [dimension.dim_value for dimension in tensor.shape.dim]
    return onnx.helper.make_tensor_value_info(renamed[value.name], tensor.elem_type, sizes)
