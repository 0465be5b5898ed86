"""The TensorFlow Lite interpreter interface as a backend: one adapter for LiteRT and for its predecessor.

Holding a numpy view of a tensor over `invoke` is an error to this library, because it may move its memory; so a
view is made for each writing (a microsecond) and given up at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from contract.errors import BackendError, FerryError, ModelError
from contract.manifest import Quantization, TensorSpec
from edge.backends.tensors import dtype_of
from edge.chatter import chatter_left_out
from edge.quantisation import Tensor

_EDGE_TPU_OPERATOR = "edgetpu-custom-op"


def open_interpreter(kind: Callable[..., Any], model: bytes | Path, threads: int) -> Any:
    """An interpreter with its tensors allocated, or ModelError with the library's reason."""
    source = {"model_content": model} if isinstance(model, bytes) else {"model_path": str(model)}
    where = "the model" if isinstance(model, bytes) else str(model)
    if model == b"":
        raise ModelError("the model is empty", where=where, fix="Convert the model again.")
    try:
        with chatter_left_out():
            interpreter = kind(**source, num_threads=threads)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as problem:
        raise _refused(str(problem), where) from problem
    return interpreter


def _refused(reason: str, where: str) -> FerryError:
    if _EDGE_TPU_OPERATOR in reason:
        return BackendError(
            "the model was compiled for the Edge TPU, and no Edge TPU is attached through its delegate",
            where=where,
            fix="Attach the Coral device and install libedgetpu, or use the uncompiled twin of this model.",
        )
    sentence = " ".join(reason.split())[:300]
    return ModelError(f"not a model this library can run: {sentence}", where=where, fix="Convert the model again.")


class InterpreterBackend:
    """A `.tflite` model loaded by a TensorFlow Lite interpreter."""

    def __init__(self, interpreter: Any, *, library: str) -> None:
        self._interpreter = interpreter
        self._library = library
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        self.inputs = tuple(_spec(details) for details in inputs)
        self.outputs = tuple(_spec(details) for details in outputs)
        self._input_index = {details["name"]: details["index"] for details in inputs}
        self._views = {details["name"]: interpreter.tensor(details["index"]) for details in inputs}
        self._output_index = [(details["name"], details["index"]) for details in outputs]

    @property
    def name(self) -> str:
        """The library and its version."""
        return self._library

    def infer(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """As the protocol says; the answers are copies."""
        interpreter = self._interpreter
        try:
            for name, array in tensors.items():
                interpreter.set_tensor(self._input_index[name], array)
            interpreter.invoke()
            return {name: interpreter.get_tensor(index) for name, index in self._output_index}
        except KeyError as problem:
            raise _failed(f"the model has no input {problem}") from problem
        except (ValueError, RuntimeError) as problem:
            raise _failed(" ".join(str(problem).split())[:300]) from problem

    def input_view(self, name: str) -> Tensor | None:
        """The interpreter's own input tensor, valid until `infer`."""
        view: Tensor = self._views[name]()
        return view

    def close(self) -> None:
        """Drop the interpreter; the library frees it with its last reference."""
        self._views.clear()
        self._interpreter = None


def _failed(what: str) -> BackendError:
    return BackendError(what, where="inference", fix="Check that the tensors match the model's inputs.")


def _spec(details: Mapping[str, Any]) -> TensorSpec:
    """Their dictionary as our struct. Per-channel scales occur in weights only, never here."""
    parameters = details["quantization_parameters"]
    quantization = None
    if len(parameters["scales"]) == 1 and parameters["scales"][0] > 0:
        quantization = Quantization(scale=float(parameters["scales"][0]), zero_point=int(parameters["zero_points"][0]))
    return TensorSpec(
        name=details["name"],
        shape=tuple(int(size) for size in details["shape"]),
        dtype=dtype_of(np.dtype(details["dtype"]).name, tensor=details["name"]),
        quantization=quantization,
    )
