"""The TensorFlow Lite interpreter interface as a backend: one adapter for LiteRT and for its predecessor.

Holding a numpy view of a tensor over `invoke` is an error to this library, because it may move its memory; so a
view is made for each writing (a microsecond) and given up at once.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from contract.errors import BackendError, FerryError, ModelError
from contract.manifest import Quantization, TensorSpec
from edge.backends.state import BackendState, Fallback
from edge.backends.tensors import dtype_of
from edge.chatter import chatter_left_out
from edge.quantisation import Tensor

EDGE_TPU_OPERATOR = "edgetpu-custom-op"
"""What edgetpu_compiler leaves in a file; no library has it without the Edge TPU's delegate."""


_WITH_MEMORY = frozenset({
    "BIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_RNN", "LSTM", "RNN", "SVDF", "UNIDIRECTIONAL_SEQUENCE_LSTM",
    "UNIDIRECTIONAL_SEQUENCE_RNN",
})  # fmt: skip
"""Operators that keep tensors from one run to the next; other memories are outputs, see `edge/recurrence.py`."""


class TfliteLibrary(NamedTuple):
    """One library with this interface."""

    name: str
    version: str
    interpreter: Callable[..., Any]
    load_delegate: Callable[..., Any]


class ExternalDelegate(NamedTuple):
    """An accelerator's shared object and the device it is asked for."""

    shared_object: str
    device: str


def is_compiled(model: bytes | Path) -> bool:
    """Whether edgetpu_compiler made this file. A 4 MB model takes a millisecond."""
    if isinstance(model, bytes):
        return EDGE_TPU_OPERATOR.encode() in model
    if model.stat().st_size == 0:
        return False  # mmap refuses it, and the library has a sentence for it
    with model.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(EDGE_TPU_OPERATOR.encode()) >= 0


def open_model(
    library: TfliteLibrary,
    model: bytes | Path,
    *,
    threads: int,
    delegate: ExternalDelegate | None = None,
    fallback: Fallback | None = None,
) -> InterpreterBackend:
    """The model, loaded by `library`; ModelError with the library's reason, BackendError for a missing Edge TPU."""
    where = "the model" if isinstance(model, bytes) else str(model)
    source = {"model_content": model} if isinstance(model, bytes) else {"model_path": where}
    if model == b"":
        raise ModelError("the model is empty", where=where, fix="Convert the model again.")
    try:
        with chatter_left_out():
            loaded = [] if delegate is None else [_loaded(library, delegate)]
            interpreter = library.interpreter(**source, num_threads=threads, experimental_delegates=loaded)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as problem:
        raise _refused(str(problem), where) from problem
    return InterpreterBackend(interpreter, library, threads=threads, delegate=delegate, fallback=fallback)


def _loaded(library: TfliteLibrary, delegate: ExternalDelegate) -> Any:
    try:
        return library.load_delegate(delegate.shared_object, {"device": delegate.device})
    except (OSError, ValueError, AttributeError) as problem:
        raise BackendError(
            " ".join(str(problem).split())[:300],
            where=f"{delegate.shared_object}, device {delegate.device}",
            fix="Check that libedgetpu is installed and the Edge TPU is attached.",
        ) from problem


def _remembers(interpreter: Any) -> bool:
    """Whether it has operators with a memory inside: each frame is a sequence of its own, and begins with none.

    By the names alone: the public list of operators also describes their tensors, which takes 3 ms at every start.
    """
    operators = interpreter._interpreter
    return any(operators.NodeName(index) in _WITH_MEMORY for index in range(operators.NumNodes()))


def _refused(reason: str, where: str) -> FerryError:
    if EDGE_TPU_OPERATOR in reason:
        return BackendError(
            "the model was compiled for the Edge TPU, and no Edge TPU is attached through its delegate",
            where=where,
            fix="Attach the Coral device and install libedgetpu, or use the uncompiled twin of this model.",
        )
    sentence = " ".join(reason.split())[:300] or "it gives no reason, as when there is not the memory its tensors need"
    return ModelError(f"not a model this library can run: {sentence}", where=where, fix="Convert the model again.")


class InterpreterBackend:
    """A `.tflite` model loaded by a TensorFlow Lite interpreter."""

    def __init__(
        self,
        interpreter: Any,
        library: TfliteLibrary,
        *,
        threads: int,
        delegate: ExternalDelegate | None = None,
        fallback: Fallback | None = None,
    ) -> None:
        self._interpreter = interpreter
        self._library = library
        self._threads = threads
        self._delegate = delegate
        self.fallback = fallback
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        self.inputs = tuple(_spec(details) for details in inputs)
        self.outputs = tuple(_spec(details) for details in outputs)
        self._input_index = {details["name"]: details["index"] for details in inputs}
        self._views = {details["name"]: interpreter.tensor(details["index"]) for details in inputs}
        self._output_index = [(details["name"], details["index"]) for details in outputs]
        self._remembers = _remembers(interpreter)

    @property
    def name(self) -> str:
        """The library and its version, and the accelerator if there is one."""
        name = f"{self._library.name} {self._library.version}"
        return name if self._delegate is None else f"{name}, Edge TPU {self._delegate.device}"

    @cached_property
    def state(self) -> BackendState:
        """Asked of the library the first time, 1 ms; so ask on the thread that infers, or before it starts."""
        return BackendState(
            library=self._library.name,
            version=self._library.version,
            device="cpu" if self._delegate is None else self._delegate.device,
            delegate=self._active_delegate(),
            threads=self._threads,
            fallback=self.fallback,
        )

    def _active_delegate(self) -> str:
        """XNNPACK takes what it can of any graph, and only the list of operators says whether that was anything."""
        if self._delegate is not None:
            return self._delegate.shared_object
        operators = self._interpreter._get_ops_details()
        return "XNNPACK" if any(operator["op_name"] == "DELEGATE" for operator in operators) else ""

    def infer(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """As the protocol says; the answers are copies."""
        interpreter = self._interpreter
        try:
            for name, array in tensors.items():
                interpreter.set_tensor(self._input_index[name], array)
            if self._remembers:
                interpreter.reset_all_variables()
            interpreter.invoke()
            answers: dict[str, Tensor] = {}
            # No comprehension: to Python 3.11 it is a function of its own, which costs 2 us cold after an inference.
            for name, index in self._output_index:
                answers[name] = interpreter.get_tensor(index)
            return answers
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
