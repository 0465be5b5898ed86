"""An `.onnx` file in the process of a probe: PyTorch's exports, quantised ones, old opsets.

The batch may be open and is fixed to 1; weights may lie beside the file, where the export put them, and must be there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from contract.errors import ModelError
from converters.probe_child import Opened
from converters.probe_talk import Hints
from edge.backends import open_backend

_SCORES: dict[str, Literal["softmax", "sigmoid"]] = {"Softmax": "softmax", "Sigmoid": "sigmoid"}
_PASSED_OVER = frozenset({"Reshape", "Identity", "Squeeze", "Flatten", "Cast", "DequantizeLinear", "QuantizeLinear"})
"""Operators that leave a score a score."""
_STEPS = 8
_WHOLE = frozenset({"DequantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger"})


def open_onnx(path: Path, origin: str) -> Opened:
    """The model in `path`; ModelError where it is damaged or incomplete."""
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        model = onnx.load(path, load_external_data=False)
    except (DecodeError, ValueError, TypeError) as problem:
        raise ModelError("not an ONNX file, or a damaged one", where=origin, fix="Export the model again.") from problem
    if not model.graph.node:
        raise ModelError("not an ONNX file: there is no operator in it", where=origin, fix="Export the model again.")
    _check_weights(model, path, origin)
    hints = Hints(
        quantised=any(node.op_type in _WHOLE for node in model.graph.node),
        ends_with=_ends_with(model),
    )
    backend = open_backend("onnx", path)
    return Opened(backend.inputs, backend.outputs, hints, backend.infer)


def _check_weights(model: Any, path: Path, origin: str) -> None:
    """Files of weights must lie beside the model, and nowhere else: a path in it is a stranger's."""
    for name in sorted(set(_weight_files(model.graph))):
        place = Path(name)
        if place.is_absolute() or ".." in place.parts:
            raise ModelError(
                f"its weights lie outside its folder, in {name!r}", where=origin, fix="Export it into one file."
            )
        if not (path.parent / place).is_file():
            raise ModelError(
                f"its weights lie in another file, {name!r}, which is not there",
                where=origin,
                fix="Put that file beside the model, or export it into one file.",
            )


def _weight_files(graph: Any) -> Iterator[str]:
    """Of every tensor of `graph` and the graphs in it that is stored elsewhere."""
    for tensor in _tensors(graph):
        if tensor.data_location == tensor.EXTERNAL:
            yield next((entry.value for entry in tensor.external_data if entry.key == "location"), "")


def _tensors(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield from attribute.tensors
            if attribute.HasField("t"):
                yield attribute.t
            for inner in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
                yield from _tensors(inner)


def _ends_with(model: Any) -> dict[str, Literal["softmax", "sigmoid"]]:
    made_by = {output: node for node in model.graph.node for output in node.output}
    found = {}
    for output in model.graph.output:
        kind = _SCORES.get(_last_operator(output.name, made_by))
        if kind is not None:
            found[output.name] = kind
    return found


def _last_operator(name: str, made_by: dict[str, Any]) -> str:
    for _ in range(_STEPS):
        node = made_by.get(name)
        if node is None or node.op_type not in _PASSED_OVER or not node.input:
            return "" if node is None else str(node.op_type)
        name = node.input[0]
    return ""
