"""A copy of its own for every reader of a constant in a quantised graph.

onnxruntime's exact 8-bit kernels for x86 (`session.x64quantprecision`, docs/decisions/0004) are chosen by rewriting
each weight together with its zero point. Two nodes that share one of them make it refuse the whole session ("Attempt
to replace the existing tensor"), on processors that need no rewriting as well; and without exact kernels sums saturate
in silence. Files of PyTorch and tf2onnx share them by the hundred. Scales are small, so copies cost little.
"""

from __future__ import annotations

from typing import Any


def unshare(graph: Any) -> None:
    """Change `graph` (a GraphProto) so that no two inputs of its nodes read the same initializer."""
    import onnx

    initial = {tensor.name: tensor for tensor in graph.initializer}
    read: set[str] = set()
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name not in initial:
                continue
            if name in read:
                copy = onnx.TensorProto()
                copy.CopyFrom(initial[name])
                copy.name = f"{name}/{len(read)}"
                graph.initializer.append(copy)
                node.input[place] = copy.name
            read.add(node.input[place])
