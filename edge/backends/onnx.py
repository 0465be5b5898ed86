"""onnxruntime, for `.onnx` files: on the CPU, or by one of its execution providers.

CUDA, TensorRT and OpenVINO providers were never at hand: their names and options are from onnxruntime's documentation,
and that a session which loses its provider says so is tested. A TensorRT session comes from `tensorrt.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from contract.errors import BackendError, ModelError
from contract.manifest import TensorSpec
from edge.backends.onnx_providers import CPU, DEVICES, order, shortfall
from edge.backends.state import BackendState, Fallback
from edge.backends.tensors import dtype_of
from edge.quantisation import Tensor

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
REFUSALS = (
    onnxruntime.capi.onnxruntime_pybind11_state.EPFail,
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


ProviderOptions = Mapping[str, Mapping[str, str]]
"""By provider; keys and values as onnxruntime's documentation spells them."""


def open_model(
    model: bytes | Path,
    *,
    threads: int,
    wishes: Sequence[str] = (),
    options: ProviderOptions | None = None,
    fallback: Fallback | None = None,
) -> OnnxBackend:
    """The model, loaded by onnxruntime with the first of `wishes` that works, or ModelError with its reason.

    A provider that is absent, or that refuses the model, leaves the CPU and a `fallback` that says so; `fallback` is
    what the caller knows already, and is kept unless the first wish is granted.
    """
    source = model if isinstance(model, bytes) else str(model)
    providers = order(wishes, onnxruntime.get_available_providers())
    reason = ""
    try:
        try:
            session = _session(source, threads, providers, options or {})
        except REFUSALS as problem:
            if providers == [CPU]:
                raise
            reason = f"{providers[0]} refused the model: {_sentence(problem)}"
            session = _session(source, threads, [CPU], {})
    except REFUSALS as problem:
        where = "the model" if isinstance(model, bytes) else str(model)
        raise ModelError(
            f"not a model onnxruntime can run: {_sentence(problem)}", where=where, fix="Convert the model again."
        ) from problem
    active = session.get_providers()
    granted = bool(wishes) and wishes[0] in active
    missing = None if granted else fallback or shortfall(wishes, active, reason=reason)
    return OnnxBackend(session, threads=threads, fallback=missing)


def has_provider(name: str) -> bool:
    """Whether this build of onnxruntime knows the provider; its libraries may still be missing."""
    return name in onnxruntime.get_available_providers()


def _sentence(problem: Exception) -> str:
    return " ".join(str(problem).split())[:300]


def _session(source: bytes | str, threads: int, providers: Sequence[str], options: ProviderOptions) -> Any:
    """Loaded with exact 8-bit kernels; without asking for them where onnxruntime cannot rewrite the graph for that.

    x86 without VNNI adds pairs of 8-bit products in 16 bits and saturates in silence: the demo's model fell from 99 %
    to 35 % on a Haswell. `x64quantprecision` trades about a tenth of the speed there for exact sums and changes nothing
    elsewhere (onnxruntime_session_options_config_keys.h). Golden frames catch the models that cannot have it.
    """
    chosen = [(name, dict(options.get(name, {}))) for name in providers]
    try:
        return onnxruntime.InferenceSession(source, _options(threads, exact=True), providers=chosen)
    except REFUSALS:
        return onnxruntime.InferenceSession(source, _options(threads, exact=False), providers=chosen)


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

    def __init__(self, session: Any, *, threads: int, fallback: Fallback | None = None) -> None:
        self._session = session
        self._threads = threads
        self._provider: str = session.get_providers()[0]
        self.fallback = fallback
        self.inputs = tuple(_spec(argument, _fixed(argument.shape, argument.name)) for argument in session.get_inputs())
        self._buffers = {spec.name: np.zeros(spec.shape, spec.dtype) for spec in self.inputs}
        self._output_names = [argument.name for argument in session.get_outputs()]
        self.outputs = self._output_specs()

    @property
    def name(self) -> str:
        """The library, its version and the provider that serves."""
        return f"onnxruntime {onnxruntime.__version__}, {self._provider}"

    @cached_property
    def state(self) -> BackendState:
        """Who computes; the first provider the session kept is the one that takes what it can."""
        return BackendState(
            library="onnxruntime",
            version=onnxruntime.__version__,
            device=DEVICES.get(self._provider, "unknown"),
            delegate=self._provider,
            threads=self._threads,
            fallback=self.fallback,
        )

    def infer(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """As the protocol says."""
        try:
            answers = self._session.run(self._output_names, {**self._buffers, **tensors})
        except (*REFUSALS, ValueError, RuntimeError) as problem:
            raise BackendError(
                _sentence(problem),
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
