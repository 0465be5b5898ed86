"""What an engine's key must know of an NVIDIA machine, asked of its own libraries by their C interfaces.

`libcuda` is the CUDA driver API (cuDeviceGetAttribute 75 and 76 are the compute capability), `libnvinfer` has
`getInferLibVersion`. Tried with stand-ins of the same interface, never on a GPU.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Sequence

from msgspec import Struct

from contract.errors import BackendError

LIBCUDA = ("libcuda.so.1",)
LIBNVINFER = ("libnvinfer.so.11", "libnvinfer.so.10", "libnvinfer.so.8")
_MAJOR, _MINOR = 75, 76
_NAME_BYTES = 256
_FIX = "Check the NVIDIA driver and TensorRT of this JetPack, or choose the device cpu."


class Gpu(Struct, frozen=True, kw_only=True):
    """The first GPU and the versions around it."""

    name: str
    compute_capability: str
    """E.g. `8.7`."""
    cuda_driver: str
    """As the driver counts: 12060 is CUDA 12.6."""
    tensorrt: str
    """As the library counts: 100300 is TensorRT 10.3.0."""


def find_gpu(libcuda: Sequence[str] = LIBCUDA, libnvinfer: Sequence[str] = LIBNVINFER) -> Gpu:
    """The first GPU; BackendError where a library is missing or the driver refuses."""
    cuda, nvinfer = _library(libcuda), _library(libnvinfer)
    version, device = ctypes.c_int(), ctypes.c_int()
    major, minor = ctypes.c_int(), ctypes.c_int()
    name = ctypes.create_string_buffer(_NAME_BYTES)
    _ask(cuda, "cuInit", 0)
    _ask(cuda, "cuDriverGetVersion", ctypes.byref(version))
    _ask(cuda, "cuDeviceGet", ctypes.byref(device), 0)
    _ask(cuda, "cuDeviceGetName", name, _NAME_BYTES, device)
    _ask(cuda, "cuDeviceGetAttribute", ctypes.byref(major), _MAJOR, device)
    _ask(cuda, "cuDeviceGetAttribute", ctypes.byref(minor), _MINOR, device)
    return Gpu(
        name=name.value.decode(errors="replace"),
        compute_capability=f"{major.value}.{minor.value}",
        cuda_driver=str(version.value),
        tensorrt=str(_function(nvinfer, "getInferLibVersion")()),
    )


def _library(names: Sequence[str]) -> ctypes.CDLL:
    for name in names:
        with contextlib.suppress(OSError):
            return ctypes.CDLL(name)
    raise BackendError("this library cannot be loaded", where=" or ".join(names), fix=_FIX)


def _function(library: ctypes.CDLL, name: str) -> ctypes._NamedFuncPointer:
    try:
        function: ctypes._NamedFuncPointer = getattr(library, name)
    except AttributeError as problem:
        raise BackendError(f"it has no {name}", where=library._name, fix=_FIX) from problem
    return function


def _ask(library: ctypes.CDLL, name: str, *arguments: object) -> None:
    status = _function(library, name)(*arguments)
    if status != 0:
        raise BackendError(f"{name} failed with CUDA error {status}", where=library._name, fix=_FIX)
