"""The inference libraries, one file each, behind one protocol and chosen in one table.

A backend runs tensors and knows nothing of pictures: no resize, no cast, no meaning. What a library refuses when a
file is opened is the file's fault (ModelError), unless an accelerator is missing; what it refuses later is
BackendError.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from contract.errors import MissingPartError, ModelError
from contract.manifest import Format, TensorSpec
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


def open_backend(format: Format, model: bytes | Path, *, threads: int = 1) -> Backend:
    """Load `model` with the first installed library for its format, on that many threads."""
    if isinstance(model, Path) and not model.is_file():
        raise ModelError("there is no such model file", where=str(model), fix="Check the path.")
    for library in LIBRARIES[format]:
        try:
            module = importlib.import_module(library.module)
        except ModuleNotFoundError as missing:
            if missing.name is None or missing.name.split(".")[0] != library.package:
                raise
            continue
        backend: Backend = module.open_model(model, threads=threads)
        return backend
    first = LIBRARIES[format][0]
    raise MissingPartError(
        f"no library for {format} models is installed", where=f"the Python package {first.package}", fix=first.install
    )
