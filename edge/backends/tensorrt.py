"""TensorRT by onnxruntime's provider, from an engine this device has built before, or built now beside the CPU.

Written from onnxruntime's documentation of the TensorRT provider and tried with a stand-in for the maker of engines;
no GPU was at hand. What the engine cache and the change-over promise holds for any maker.
"""

from __future__ import annotations

import platform
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import Struct

from contract.digest import digest_of
from contract.errors import BackendError, FerryError
from contract.manifest import TensorSpec
from edge.backends import Backend, describe, probe
from edge.backends.engine_cache import EngineCache, EngineEntry, EngineKey
from edge.backends.gpu import Gpu, find_gpu
from edge.backends.onnx_providers import CUDA, TENSORRT
from edge.backends.state import BackendState, Fallback
from edge.backends.warming import Accept, WarmingBackend
from edge.cache_folder import cache_folder
from edge.quantisation import Tensor

BUILD_DEADLINE_S = 3600.0
_WANTED = "TensorRT"


class EngineSettings(Struct, frozen=True, kw_only=True):
    """What the builder is told. On a shared memory of 4 GB, a builder with half a gigabyte leaves room to answer."""

    precision: str = "fp16"
    """`int8` for a model with quantisation nodes, where TensorRT keeps fp16 for the rest."""
    workspace_bytes: int = 512 << 20
    builder_level: int = 3


class EngineMaker(Protocol):
    """The vendor's part: makes engine files in a folder, and opens a model with them."""

    def build(self, folder: Path, stop: threading.Event) -> None:
        """Leave the engine in `folder`; FerryError where it cannot be, or when `stop` is set meanwhile."""
        ...

    def open(self, folder: Path) -> Backend:
        """The model, with the engine that was built in `folder`; FerryError where it does not load."""
        ...


def default_engines() -> Path:
    """Where engines are kept unless told otherwise."""
    return cache_folder() / "engines"


def open_tensorrt(
    model: bytes | Path, *, threads: int, engines: Path | None = None, accept: Accept | None = None
) -> Backend:
    """The model by TensorRT, or by CUDA or the CPU with a `fallback` where this machine cannot be asked about it."""
    import onnxruntime

    from edge.backends import onnx

    content = model if isinstance(model, bytes) else model.read_bytes()
    try:
        gpu = find_gpu()
    except BackendError as problem:
        fallback = Fallback(
            wanted=_WANTED, got="CUDA or the CPU", cause=f"{problem.what} ({problem.where})", fix=problem.fix
        )
        return onnx.open_model(content, threads=threads, wishes=(CUDA,), fallback=fallback)
    settings = EngineSettings(precision=precision_of(content))
    cpu = onnx.open_model(content, threads=threads)
    key = engine_key(content, cpu.inputs, gpu, settings, onnxruntime.__version__)
    maker = OnnxEngineMaker(content, threads, settings)
    return with_engine(cpu, key, maker, EngineCache(engines or default_engines()), len(content), accept=accept)


def with_engine(
    cpu: Backend,
    key: EngineKey,
    maker: EngineMaker,
    cache: EngineCache,
    model_bytes: int,
    *,
    accept: Accept | None = None,
) -> Backend:
    """The engine at once where it is kept, else `cpu` until it is built. An engine that does not open is built anew."""
    entry = cache.lookup(key)
    if entry is not None:
        try:
            engine = EngineBackend(maker.open(entry.folder), entry)
        except FerryError:
            entry.close()
            cache.discard(key)
        else:
            cpu.close()
            return engine

    def build(stop: threading.Event) -> Backend:
        with cache.building(key, model_bytes=model_bytes) as folder:
            maker.build(folder, stop)
        built = cache.lookup(key)
        if built is None:
            raise BackendError("the new engine is not there", where=str(cache.root), fix="Check the disk.")
        try:
            return EngineBackend(maker.open(built.folder), built)
        except FerryError:
            built.close()
            raise

    expected_s = cache.expected_s(key, model_bytes)
    return WarmingBackend(cpu, build, wanted=_WANTED, expected_s=expected_s, accept=accept)


def engine_key(
    model: bytes, inputs: tuple[TensorSpec, ...], gpu: Gpu, settings: EngineSettings, onnxruntime: str
) -> EngineKey:
    """Everything the engine of this model on this machine depends on."""
    return EngineKey(
        model_digest=digest_of(model),
        tensorrt=gpu.tensorrt,
        onnxruntime=onnxruntime,
        cuda_driver=gpu.cuda_driver,
        gpu=gpu.name,
        compute_capability=gpu.compute_capability,
        platform=f"{platform.system()}-{platform.machine()}".lower(),
        precision=settings.precision,
        input_shapes={spec.name: spec.shape for spec in inputs},
        workspace_bytes=settings.workspace_bytes,
        builder_level=settings.builder_level,
    )


def precision_of(model: bytes) -> str:
    """`int8` where the graph carries its quantisation in nodes, else `fp16`."""
    return "int8" if b"DequantizeLinear" in model else "fp16"


def provider_options(folder: Path, settings: EngineSettings) -> dict[str, str]:
    """The provider's, as its documentation spells them."""
    return {
        "trt_engine_cache_enable": "True",
        "trt_engine_cache_path": str(folder),
        "trt_fp16_enable": "True" if settings.precision in ("fp16", "int8") else "False",
        "trt_int8_enable": "True" if settings.precision == "int8" else "False",
        "trt_max_workspace_size": str(settings.workspace_bytes),
        "trt_builder_optimization_level": str(settings.builder_level),
    }


class _Order(Struct, frozen=True):
    """What the building child is told."""

    folder: str
    threads: int
    settings: EngineSettings


class OnnxEngineMaker:
    """Engines by onnxruntime's TensorRT provider. Built in a child: a builder that dies takes nobody with it."""

    def __init__(self, model: bytes, threads: int, settings: EngineSettings) -> None:
        self._model = model
        self._threads = threads
        self._settings = settings

    def build(self, folder: Path, stop: threading.Event) -> None:
        """As the protocol says."""
        order = msgspec.json.encode(_Order(str(folder), self._threads, self._settings)).decode()
        target = "edge.backends.tensorrt:build_in_child"
        reason = probe.why_not(target, order, self._model, deadline_s=BUILD_DEADLINE_S, stop=stop)
        if reason is not None:
            raise BackendError(
                f"the engine could not be built: {reason}",
                where="TensorRT",
                fix="Check memory and the versions of TensorRT and onnxruntime; the CPU answers meanwhile.",
            )

    def open(self, folder: Path) -> Backend:
        """As the protocol says."""
        return _open_session(self._model, folder, self._threads, self._settings)


def build_in_child(argument: str, model: bytes) -> None:
    """What the child does: one session and one inference, by which the provider has written its engines."""
    order = msgspec.json.decode(argument, type=_Order)
    _open_session(model, Path(order.folder), order.threads, order.settings).infer({})


def _open_session(model: bytes, folder: Path, threads: int, settings: EngineSettings) -> Backend:
    from edge.backends import onnx

    options = {TENSORRT: provider_options(folder, settings)}
    backend = onnx.open_model(model, threads=threads, wishes=(TENSORRT, CUDA), options=options)
    if backend.fallback is not None:
        backend.close()
        raise BackendError(backend.fallback.cause, where="onnxruntime", fix=backend.fallback.fix)
    return backend


class EngineBackend:
    """A backend that holds its entry of the cache for as long as it lives."""

    def __init__(self, backend: Backend, entry: EngineEntry) -> None:
        self._backend = backend
        self._entry = entry
        self.inputs = backend.inputs
        self.outputs = backend.outputs

    @property
    def name(self) -> str:
        """The backend's."""
        return self._backend.name

    @property
    def state(self) -> BackendState:
        """The backend's."""
        return describe(self._backend)

    def infer(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The backend's."""
        return self._backend.infer(tensors)

    def input_view(self, name: str) -> Tensor | None:
        """The backend's."""
        return self._backend.input_view(name)

    def close(self) -> None:
        """Also lets the entry go."""
        self._backend.close()
        self._entry.close()
