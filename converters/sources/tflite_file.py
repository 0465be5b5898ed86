"""A `.tflite` file in the process of a probe: float, legacy uint8, int8 or int16, with or without packed metadata.

What the graph says is read before it is opened: a file that no device can run is refused with its reason, and not with
the interpreter's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from contract.errors import ModelError
from converters.probe_child import Opened
from converters.probe_talk import Hints
from converters.tflite_metadata import read_packed
from converters.tflite_tree import builtin_code, names_of, read_tree
from edge.backends import open_backend
from edge.backends.interpreter import EDGE_TPU_OPERATOR

READY_BOXES = "TFLite_Detection_PostProcess"
_SCORES: dict[str, Literal["softmax", "sigmoid"]] = {"SOFTMAX": "softmax", "LOGISTIC": "sigmoid"}
_PASSED_OVER = frozenset({"RESHAPE", "QUANTIZE", "DEQUANTIZE", "SQUEEZE", "CAST"})
"""Operators that leave a score a score."""
_WHOLE = frozenset({"INT8", "UINT8", "INT16"})


def open_tflite(path: Path, origin: str) -> Opened:
    """The model in `path`; ModelError where no device can run it, or not as one picture or row at a time."""
    model = path.read_bytes()
    graph = _Graph(model, origin)
    graph.check()
    packed = read_packed(model, where=origin)
    backend = open_backend("tflite", path)
    hints = Hints(
        quantised=graph.quantised(),
        ends_with=graph.ends_with(),
        ready_boxes=graph.ready_boxes(),
        packed=packed,
    )
    return Opened(backend.inputs, backend.outputs, hints, backend.infer)


class _Graph:
    """The first subgraph, by names."""

    def __init__(self, model: bytes, origin: str) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self._origin = origin
        tree = read_tree(model, where=origin)
        if not tree.subgraphs:
            raise _refused("there is no graph in it", origin)
        self._graph = tree.subgraphs[0]
        self._types, builtins = names_of(schema.TensorType), names_of(schema.BuiltinOperator)
        self._codes = [_code(code, builtins) for code in tree.operatorCodes or ()]
        self._made_by = {int(out): operator for operator in self._operators() for out in _places(operator.outputs)}

    def check(self) -> None:
        """Refuse what no runtime of a device has, and sizes that are left open."""
        if EDGE_TPU_OPERATOR in self._codes:
            raise ModelError(
                "it was compiled for the Edge TPU, and nothing leads back from there",
                where=self._origin,
                fix="Give the .tflite file it was compiled from.",
            )
        flex = sorted({code for code in self._codes if code.startswith("Flex")})
        if flex:
            raise ModelError(
                f"it needs operators of TensorFlow itself, which no device has: {', '.join(flex[:5])}",
                where=self._origin,
                fix="Convert it with TensorFlow Lite's built-in operators only (TFLITE_BUILTINS).",
            )
        for index in _places(self._graph.inputs):
            tensor = self._graph.tensors[index]
            signature = () if tensor.shapeSignature is None else tuple(int(size) for size in tensor.shapeSignature)
            if any(size < 0 for size in signature[1:]):
                raise ModelError(
                    f"its input {_name(tensor)!r} is {list(signature)}: dynamic beyond the batch",
                    where=self._origin,
                    fix="Convert the model with a fixed picture size.",
                )

    def quantised(self) -> bool:
        """Whether an operator's result is stored in whole numbers with a scale: activations, and not weights alone."""
        return any(
            self._types.get(tensor.type) in _WHOLE and tensor.quantization and tensor.quantization.scale is not None
            for index in self._made_by
            if (tensor := self._graph.tensors[index]) is not None
        )

    def ends_with(self) -> dict[str, Literal["softmax", "sigmoid"]]:
        """The outputs whose last operator makes scores."""
        found = {}
        for index in _places(self._graph.outputs):
            kind = _SCORES.get(self._last_operator(index))
            if kind is not None:
                found[_name(self._graph.tensors[index])] = kind
        return found

    def ready_boxes(self) -> tuple[str, ...]:
        """Boxes, classes, scores and count, where the operator that makes them stands at the end."""
        outputs = _places(self._graph.outputs)
        for operator in self._operators():
            made = _places(operator.outputs)
            if self._codes[operator.opcodeIndex] == READY_BOXES and len(made) == 4 and set(made) <= set(outputs):
                return tuple(_name(self._graph.tensors[index]) for index in made)
        return ()

    def _operators(self) -> Iterator[Any]:
        return iter(self._graph.operators or ())

    def _last_operator(self, index: int) -> str:
        for _ in range(len(_PASSED_OVER) + 1):
            operator = self._made_by.get(index)
            code = "" if operator is None else self._codes[operator.opcodeIndex]
            if operator is None or code not in _PASSED_OVER:
                return code
            index = _places(operator.inputs)[0]
        return ""


def _code(code: Any, builtins: dict[int, str]) -> str:
    """An operator's name: its own for custom ones."""
    custom = bytes(code.customCode or b"").decode(errors="replace")
    return custom or builtins.get(builtin_code(code), "UNKNOWN")


def _places(indices: Any) -> list[int]:
    return [] if indices is None else [int(index) for index in indices]


def _name(tensor: Any) -> str:
    return bytes(tensor.name or b"").decode(errors="replace")


def _refused(what: str, origin: str) -> ModelError:
    return ModelError(what, where=origin, fix="Convert the model again.")
