"""One byte string per ONNX network, whichever process wrote it.

tf2onnx puts counters into names that differ from one process to the next, and later tools order nodes by name. Here
nodes are ordered by how the outputs depend on them, names follow from that order, and everything that says when or by
which version a file was made is dropped. Only names and order change: the network is the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import count
from typing import Any

from contract.errors import ModelError

INPUT, OUTPUT = "image", "scores"
PRODUCER = "edgeferry"


def canonical_bytes(
    model: Any, *, inputs: Sequence[str] = (INPUT,), outputs: Sequence[str] = (OUTPUT,), where: str
) -> bytes:
    """`canonical`, serialised."""
    return bytes(canonical(model, inputs=inputs, outputs=outputs, where=where).SerializeToString(deterministic=True))


def canonical(
    model: Any,
    *,
    inputs: Sequence[str] = (INPUT,),
    outputs: Sequence[str] = (OUTPUT,),
    layers: Collection[str] = (),
    where: str,
) -> Any:
    """`model` (a ModelProto) in its canonical form; `inputs` and `outputs` are new names for its own, in their order.

    Nodes called as one of `layers` keep that name: a quantised model has the layers of the float one it was made from.
    Raises ModelError for another number of them, for an output that no node makes, and for control flow: a subgraph
    has names of its own, and none of our models needs one.
    """
    import onnx

    graph = model.graph
    _check_ends(graph, inputs, outputs, where)
    nodes = list(_in_order(graph, where))
    initial = {tensor.name: tensor for tensor in graph.initializer}
    renamed = _names(graph, nodes, inputs, outputs)
    weights = [_renamed_weight(initial[name], new) for name, new in renamed.items() if name in initial]
    for number, node in enumerate(nodes):
        if node.name not in layers:
            node.name = f"{node.op_type}_{'added_' if layers else ''}{number}"
        node.input[:] = [renamed[name] if name else "" for name in node.input]
        node.output[:] = [renamed[name] if name else "" for name in node.output]
        node.doc_string = ""
        node.attribute.sort(key=lambda attribute: attribute.name)
    ends = [[_renamed_value(value, renamed) for value in values] for values in (graph.input, graph.output)]
    body = onnx.helper.make_graph(nodes, PRODUCER, *ends, weights)
    opsets = [entry for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    # Old runtimes refuse newer files by this number alone: no higher than the operators ask for.
    ir_version = onnx.helper.find_min_ir_version_for(opsets)
    return onnx.helper.make_model(
        body, opset_imports=opsets, ir_version=ir_version, producer_name=PRODUCER, producer_version=""
    )


def _check_ends(graph: Any, inputs: Sequence[str], outputs: Sequence[str], where: str) -> None:
    for role, values, names in (("input", graph.input, inputs), ("output", graph.output, outputs)):
        if len(values) != len(names):
            raise _refused(f"{len(values)} {role}s, expected {len(names)} ({', '.join(names)})", where)
    made = {name for node in graph.node for name in node.output}
    for value in graph.output:
        if value.name not in made:
            raise _refused(f"output {value.name!r} is computed by nothing", where)


def _in_order(graph: Any, where: str) -> Iterator[Any]:
    """Nodes the outputs depend on, each after those it reads: depth first, outputs and inputs in their order."""
    maker = {name: node for node in graph.node for name in node.output}
    done: set[int] = set()
    waiting = [(maker[value.name], False) for value in reversed(graph.output)]
    while waiting:
        node, inputs_done = waiting.pop()
        if id(node) in done:
            continue
        if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
            raise _refused(f"control flow ({node.op_type})", where)
        if inputs_done:
            done.add(id(node))
            yield node
        else:
            waiting.append((node, True))
            waiting += [(maker[name], False) for name in reversed(node.input) if name in maker]


def _names(graph: Any, nodes: list[Any], inputs: Sequence[str], outputs: Sequence[str]) -> dict[str, str]:
    """New names by old ones: those given for the ends, and numbers in the order of first use for all between."""
    renamed = {value.name: name for value, name in zip(graph.input, inputs, strict=True)}
    renamed |= {value.name: name for value, name in zip(graph.output, outputs, strict=True)}
    ends = set(renamed.values())
    free = (name for name in (f"t{number}" for number in count()) if name not in ends)
    for node in nodes:
        for name in (*node.input, *node.output):
            if name and name not in renamed:
                renamed[name] = next(free)
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


def _refused(what: str, where: str) -> ModelError:
    return ModelError(what, where=where, fix="Use a network without branches, each output computed once.")
