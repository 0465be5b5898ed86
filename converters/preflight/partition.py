"""How a graph falls into parts when an accelerator takes some of its operators and the CPU keeps the rest.

This is the partition of TensorFlow Lite itself (`PartitionGraphIntoIndependentNodeSubsets`, tensorflow/lite/
graph_info.cc), told in its own words: whoever is ready first decides whose turn it is, and then everything of that side
that is ready, or becomes so, belongs to the part. LiteRT gives each accelerated part to the delegate; the Edge TPU's
compiler keeps the first one and leaves the others to the CPU ("More than one subgraph is not supported").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from converters.tflite_graph import Graph, Operator


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Operators that run together on one side."""

    accelerated: bool
    operators: tuple[Operator, ...]


def parts_of(graph: Graph, accelerated: Sequence[bool]) -> list[Part]:
    """The parts of `graph` in the order they run in; `accelerated` says of each operator whose it is.

    An operator that never gets its inputs, as in a damaged file, is in no part.
    """
    computed = {tensor.index for operator in graph.operators for tensor in operator.outputs}
    waiting = list(graph.operators)
    parts: list[Part] = []
    while waiting:
        taken = _take(waiting, computed, accelerated)
        if not taken:
            break
        chosen = {operator.index for operator in taken}
        waiting = [operator for operator in waiting if operator.index not in chosen]
        parts.append(Part(accelerated[taken[0].index], tuple(taken)))
    return parts


def _take(waiting: list[Operator], missing: set[int], accelerated: Sequence[bool]) -> list[Operator]:
    """The next part's operators; what they compute is no longer `missing`."""
    taken: list[Operator] = []
    # One pass is enough: a file's operators stand in an order they can run in.
    for operator in waiting:
        if any(tensor.index in missing for tensor in operator.given):
            continue
        if taken and accelerated[operator.index] != accelerated[taken[0].index]:
            continue
        taken.append(operator)
        missing.difference_update(tensor.index for tensor in operator.outputs)
    return taken
