"""OpenVINO on the CPU, for `.tflite` and `.onnx` files, where `edgeferry bench` finds it the quicker library.

It reads both formats as they are, tensors keep their names and number types, and its 8-bit sums do not saturate. It
does not know every operator of TensorFlow Lite (`TFLite_Detection_PostProcess`, for one).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import openvino

from contract.errors import BackendError, ModelError
from contract.manifest import Format, TensorSpec
from edge.backends.state import BackendState
from edge.backends.tensors import dtype_of
from edge.quantisation import Tensor

_VERSION = openvino.__version__.split("-")[0]
_NUMPY_NAMES = {
    f"{kind}{bits}": f"{name}{bits}"
    for kind, name in {"i": "int", "u": "uint", "f": "float"}.items()
    for bits in (8, 16, 32, 64)
}


def open_model(format: Format, model: bytes | Path, *, threads: int) -> OpenVinoBackend:
    """The model, compiled for this processor; ModelError with OpenVINO's reason where it cannot read it."""
    where = "the model" if isinstance(model, bytes) else str(model)
    try:
        core = openvino.Core()
        graph = _read(core, format, model)
        _fix_batch(graph)
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            # As the other libraries compute; without it, processors with bfloat16 would round every layer.
            "INFERENCE_PRECISION_HINT": "f32",
            "ENABLE_CPU_PINNING": False,
        }
        compiled = core.compile_model(graph, "CPU", settings)
    except RuntimeError as problem:
        raise ModelError(
            f"not a model OpenVINO can run: {_reason(problem)}", where=where, fix="Use the device cpu for this model."
        ) from problem
    return OpenVinoBackend(compiled, threads=threads)


def _read(core: Any, format: Format, model: bytes | Path) -> Any:
    """From bytes too, which OpenVINO tells apart only by a file's name: a nameless file, linked under a name."""
    if format == "onnx" and isinstance(model, bytes):
        return core.read_model(model, b"")
    if isinstance(model, Path) and model.suffix == f".{format}":
        return core.read_model(model)
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="edgeferry-") as folder:
        named = Path(folder) / f"model.{format}"
        named.write_bytes(model) if isinstance(model, bytes) else named.symlink_to(os.path.realpath(model))
        return core.read_model(named)


def _fix_batch(graph: Any) -> None:
    """A dynamic batch becomes 1; any other open size is refused, as nothing says how large."""
    shapes = {}
    for port in graph.inputs:
        shape = port.get_partial_shape()
        if any(size.is_dynamic for size in list(shape)[1:]):
            raise ModelError(
                f"its shape {shape} is dynamic beyond the batch",
                where=f"input {port.get_any_name()!r}",
                fix="Export the model with a fixed picture size.",
            )
        shapes[port.get_any_name()] = [size.get_length() if size.is_static else 1 for size in shape]
    graph.reshape(shapes)


def _reason(problem: RuntimeError) -> str:
    """Its last line says what is wrong; those before it name OpenVINO's own source files."""
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    return " ".join(lines[-2:])[:300]


class OpenVinoBackend:
    """A model compiled by OpenVINO for the CPU, with input buffers of ours that it reads in place."""

    fallback = None

    def __init__(self, compiled: Any, *, threads: int) -> None:
        self._threads = threads
        self._request = compiled.create_infer_request()
        self.inputs = tuple(_spec(port) for port in compiled.inputs)
        self.outputs = tuple(_spec(port) for port in compiled.outputs)
        self._buffers = {spec.name: np.zeros(spec.shape, spec.dtype) for spec in self.inputs}
        for spec, port in zip(self.inputs, compiled.inputs, strict=True):
            self._request.set_tensor(port, openvino.Tensor(self._buffers[spec.name], shared_memory=True))

    @property
    def name(self) -> str:
        """The library and its version."""
        return f"openvino {_VERSION}"

    @cached_property
    def state(self) -> BackendState:
        """Who computes."""
        return BackendState(
            library="openvino", version=_VERSION, device="openvino", delegate="CPU", threads=self._threads
        )

    def infer(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """As the protocol says; the answers are copies."""
        for name, array in tensors.items():
            self._write(name, array)
        try:
            self._request.infer()
        except RuntimeError as problem:
            raise BackendError(
                _reason(problem), where="inference", fix="Check that the tensors match the model's inputs."
            ) from problem
        return {
            spec.name: np.array(self._request.get_output_tensor(index).data) for index, spec in enumerate(self.outputs)
        }

    def input_view(self, name: str) -> Tensor | None:
        """The buffer OpenVINO reads."""
        return self._buffers[name]

    def close(self) -> None:
        """Drop the request; the library frees the model with its last reference."""
        self._request = None

    def _write(self, name: str, array: Tensor) -> None:
        buffer = self._buffers.get(name)
        if buffer is None:
            what = f"the model has no input {name!r}"
        elif (buffer.shape, buffer.dtype) != (array.shape, array.dtype):
            what = f"input {name!r} is {buffer.dtype}{list(buffer.shape)}, not {array.dtype}{list(array.shape)}"
        else:
            np.copyto(buffer, array)
            return
        raise BackendError(what, where="inference", fix="Check that the tensors match the model's inputs.")


def _spec(port: Any) -> TensorSpec:
    """Quantisation stays unknown here: the manifest says it."""
    kind = port.get_element_type().to_string()
    name = port.get_any_name()
    return TensorSpec(
        name=name, shape=tuple(port.get_shape()), dtype=dtype_of(_NUMPY_NAMES.get(kind, kind), tensor=name)
    )
