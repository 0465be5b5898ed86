"""onnxruntime on the CPU, for `.onnx` files.

The accelerated providers of Jetson and Intel belong here too, each as a row of `_PROVIDERS`, once they are tried on
the real device.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from contract.errors import BackendError, ModelError
from contract.manifest import TensorSpec
from edge.backends.tensors import dtype_of
from edge.quantisation import Tensor

_PROVIDERS = ["CPUExecutionProvider"]
_ERRORS_ONLY = 3
_NUMPY_NAMES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(uint8)": "uint8",
    "tensor(int8)": "int8",
    "tensor(int16)": "int16",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
}
_REFUSALS = (
    onnxruntime.capi.onnxruntime_pybind11_state.Fail,
    onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument,
    onnxruntime.capi.onnxruntime_pybind11_state.InvalidGraph,
    onnxruntime.capi.onnxruntime_pybind11_state.InvalidProtobuf,
    onnxruntime.capi.onnxruntime_pybind11_state.NoModel,
    onnxruntime.capi.onnxruntime_pybind11_state.NoSuchFile,
    onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented,
    onnxruntime.capi.onnxruntime_pybind11_state.RuntimeException,
)
"""Its exceptions have no common base of their own, only Exception."""


def open_model(model: bytes | Path, *, threads: int) -> OnnxBackend:
    """The model, loaded by onnxruntime, or ModelError with its reason."""
    source = model if isinstance(model, bytes) else str(model)
    try:
        session = _session(source, threads)
    except _REFUSALS as problem:
        sentence = " ".join(str(problem).split())[:300]
        where = "the model" if isinstance(model, bytes) else str(model)
        raise ModelError(
            f"not a model onnxruntime can run: {sentence}", where=where, fix="Convert the model again."
        ) from problem
    return OnnxBackend(session)


def _session(source: bytes | str, threads: int) -> Any:
    """Loaded with exact 8-bit kernels; without asking for them where onnxruntime cannot rewrite the graph for that.

    x86 without VNNI adds pairs of 8-bit products in 16 bits and saturates in silence: the demo's model fell from 99 %
    to 35 % on a Haswell. `x64quantprecision` trades about a tenth of the speed there for exact sums and changes nothing
    elsewhere (onnxruntime_session_options_config_keys.h). Golden frames catch the models that cannot have it.
    """
    try:
        return onnxruntime.InferenceSession(source, _options(threads, exact=True), providers=_PROVIDERS)
    except _REFUSALS:
        return onnxruntime.InferenceSession(source, _options(threads, exact=False), providers=_PROVIDERS)


def _options(threads: int, *, exact: bool) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    # Spinning threads burn a small computer's other cores between two frames.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.x64quantprecision", "1" if exact else "0")
    return options


class OnnxBackend:
    """An `.onnx` model loaded by onnxruntime. A dynamic batch is fixed to 1."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.inputs = tuple(_spec(argument, _fixed(argument.shape, argument.name)) for argument in session.get_inputs())
        self._buffers = {spec.name: np.zeros(spec.shape, spec.dtype) for spec in self.inputs}
        self._output_names = [argument.name for argument in session.get_outputs()]
        self.outputs = self._output_specs()

    @property
    def name(self) -> str:
        """The library and its version."""
        return f"onnxruntime {onnxruntime.__version__}"

    def infer(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """As the protocol says."""
        try:
            answers = self._session.run(self._output_names, {**self._buffers, **tensors})
        except (*_REFUSALS, ValueError, RuntimeError) as problem:
            raise BackendError(
                " ".join(str(problem).split())[:300],
                where="inference",
                fix="Check that the tensors match the model's inputs.",
            ) from problem
        return dict(zip(self._output_names, answers, strict=True))

    def input_view(self, name: str) -> Tensor | None:
        """A buffer of ours: onnxruntime reads numpy memory in place."""
        return self._buffers[name]

    def close(self) -> None:
        """Drop the session; the library frees it with its last reference."""
        self._session = None

    def _output_specs(self) -> tuple[TensorSpec, ...]:
        """From the graph; one run on zeros tells the sizes the graph leaves open."""
        arguments = self._session.get_outputs()
        if all(_is_fixed(argument.shape) for argument in arguments):
            return tuple(_spec(argument, tuple(argument.shape)) for argument in arguments)
        answers = self.infer({})
        return tuple(_spec(argument, answers[argument.name].shape) for argument in arguments)


def _is_fixed(shape: Sequence[object]) -> bool:
    return all(isinstance(size, int) and size > 0 for size in shape)


def _fixed(shape: Sequence[object], name: str) -> tuple[int, ...]:
    """An input's shape with the batch set to 1; any other open size is refused, as nothing says how large."""
    known = [size if isinstance(size, int) and size > 0 else None for size in shape]
    if None in known[1:]:
        raise ModelError(
            f"its shape {tuple(shape)} is dynamic beyond the batch",
            where=f"input {name!r}",
            fix="Export the model with a fixed picture size.",
        )
    return tuple(size or 1 for size in known)


def _spec(argument: Any, shape: tuple[int, ...]) -> TensorSpec:
    """Quantisation stays unknown here: an ONNX graph keeps it in its nodes, and the manifest says it."""
    kind = _NUMPY_NAMES.get(argument.type, argument.type)
    return TensorSpec(name=argument.name, shape=shape, dtype=dtype_of(kind, tensor=argument.name))
