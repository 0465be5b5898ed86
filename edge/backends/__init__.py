"""The inference libraries, one file each, behind one protocol and chosen in one table.

A backend runs tensors and knows nothing of pictures: no resize, no cast, no meaning. What a library refuses when a
file is opened is the file's fault (ModelError), unless an accelerator is missing; what it refuses later is
BackendError. An accelerator that was wanted and does not serve is never a secret: `describe(backend).fallback`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from contract.errors import MissingPartError, ModelError
from contract.manifest import Format, TensorSpec
from edge.backends.device import Device, check_fits, parse_device
from edge.backends.state import BackendState, Fallback
from edge.quantisation import Tensor


class Backend(Protocol):
    """One loaded model, ready to run. Not for two threads at a time."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    @property
    def name(self) -> str:
        """The library and its version, e.g. `ai-edge-litert 2.3.0`."""
        ...

    def infer(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Run once on arrays that match `inputs`: no resize, no cast. The answers are the caller's to keep.

        An input that is not in `tensors` holds what was last written through `input_view`. BackendError names what
        was refused.
        """
        ...

    def input_view(self, name: str) -> Tensor | None:
        """The model's own input buffer to write into, or None where the library has no such thing.

        Ask for it anew for every inference and let it go before `infer`: the library may move the memory.
        """
        ...

    def close(self) -> None:
        """Give the model's memory back; nothing may be called afterwards."""
        ...


class _Library(NamedTuple):
    """A file of this folder, and the package without which it is of no use."""

    module: str
    package: str
    install: str


LIBRARIES: dict[Format, tuple[_Library, ...]] = {
    "tflite": (
        _Library("edge.backends.litert", "ai_edge_litert", "pip install ai-edge-litert"),
        _Library("edge.backends.tflite_runtime", "tflite_runtime", "pip install 'edgeferry[tflite-runtime]'"),
    ),
    "onnx": (_Library("edge.backends.onnx", "onnxruntime", "pip install 'edgeferry[onnx]'"),),
}
"""The first that is installed serves."""
SUFFIXES: dict[str, Format] = {".tflite": "tflite", ".onnx": "onnx"}


_OPENVINO = _Library("edge.backends.openvino", "openvino", "Run: pip install 'edgeferry[openvino]'")


def open_backend(
    format: Format,
    model: bytes | Path,
    *,
    threads: int = 1,
    device: str = "auto",
    twin: bytes | Path | None = None,
    profile: str = "",
    engines: Path | None = None,
    accept: Callable[[Backend], None] | None = None,
) -> Backend:
    """Load `model` with the first installed library for its format, on that many threads.

    `device` is one of `edge.backends.device.WORDS`. `auto` is the Edge TPU for a model compiled for it, TensorRT or
    CUDA for an `.onnx` model when `profile` names a device with a GPU, and the CPU for all else. What is wanted and
    absent leaves the CPU with a `fallback`, for a compiled model by its uncompiled `twin`. TensorRT engines are kept
    under `engines` (the user's cache folder); one that has just been built is handed to `accept` before it serves.

    Raises ConfigError for a device that is none or does not fit, ModelError for the file, BackendError for a compiled
    model without Edge TPU and twin, MissingPartError without any library.
    """
    chosen = parse_device(device)
    check_fits(chosen, format)
    for file in (model, twin):
        if isinstance(file, Path) and not file.is_file():
            raise ModelError("there is no such model file", where=str(file), fix="Check the path.")
    if chosen.kind == "openvino":
        return _open_openvino(format, model, threads)
    if format == "tflite":
        return _open_tflite(model, twin, chosen, threads)
    return _open_onnx(model, chosen, threads, profile, engines, accept)


def describe(backend: Backend) -> BackendState:
    """What `backend` runs on, now; of a backend without `state`, the name alone."""
    state = getattr(backend, "state", None)
    if isinstance(state, BackendState):
        return state
    library, _, version = backend.name.partition(" ")
    return BackendState(library=library, version=version, device="unknown")


def _open_tflite(model: bytes | Path, twin: bytes | Path | None, device: Device, threads: int) -> Backend:
    from edge.backends.interpreter import is_compiled, open_model

    library = _first_library("tflite").LIBRARY
    if device.kind in ("auto", "cpu") and not is_compiled(model):
        return open_model(library, model, threads=threads)
    if device.kind == "cpu":
        return open_model(library, model if twin is None else twin, threads=threads)
    from edge.backends.edge_tpu import open_edge_tpu  # only now, as it needs the machinery of child processes

    return open_edge_tpu(library, model, device=device, threads=threads, twin=twin)


def _open_onnx(
    model: bytes | Path,
    device: Device,
    threads: int,
    profile: str,
    engines: Path | None,
    accept: Callable[[Backend], None] | None,
) -> Backend:
    from edge.backends.onnx_providers import TENSORRT, wished

    onnx = _first_library("onnx")
    wishes = wished(device, _accelerator(profile) if device.kind == "auto" else "none")
    if TENSORRT in wishes and onnx.has_provider(TENSORRT):
        from edge.backends import tensorrt

        tensorrt_backend: Backend = tensorrt.open_tensorrt(model, threads=threads, engines=engines, accept=accept)
        return tensorrt_backend
    backend: Backend = onnx.open_model(model, threads=threads, wishes=wishes)
    return backend


def _open_openvino(format: Format, model: bytes | Path, threads: int) -> Backend:
    """By OpenVINO's own package, by onnxruntime's provider, or by the CPU with the reason."""
    module = _module(_OPENVINO)
    cause, fix = "the Python package openvino is not installed", _OPENVINO.install
    if module is not None:
        try:
            backend: Backend = module.open_model(format, model, threads=threads)
            return backend
        except ModelError as problem:
            cause, fix = problem.what, problem.fix
    first = _first_library(format)
    fallback = Fallback(wanted="OpenVINO", got="the CPU", cause=cause, fix=fix)
    if format == "tflite":
        from edge.backends.interpreter import open_model

        return open_model(first.LIBRARY, model, threads=threads, fallback=fallback)
    wishes = ("OpenVINOExecutionProvider",) if module is None else ()
    served: Backend = first.open_model(model, threads=threads, wishes=wishes, fallback=fallback)
    return served


def _accelerator(profile: str) -> Literal["none", "edgetpu", "cuda"]:
    """Of a profile of our catalog; a bundle for a device we do not know gets the CPU."""
    from devices.profiles import load_profile, profile_names

    return load_profile(profile).accelerator if profile in profile_names() else "none"


def _first_library(format: Format) -> Any:
    """The module of the first installed library; MissingPartError without any."""
    for library in LIBRARIES[format]:
        module = _module(library)
        if module is not None:
            return module
    first = LIBRARIES[format][0]
    raise MissingPartError(
        f"no library for {format} models is installed", where=f"the Python package {first.package}", fix=first.install
    )


def _module(library: _Library) -> Any:
    """The file of this folder that uses `library`, or None where its package is absent."""
    try:
        return importlib.import_module(library.module)
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.split(".")[0] != library.package:
            raise
        return None
