"""The stages a model is asked at: emulated as the file means it, and by every library that would compute it.

Reference kernels of LiteRT, and onnxruntime with its optimiser off, compute a quantised file step by step as its format
defines it: slowly, and without the short cuts that differ from one processor to the next. Each runs in a process of
its own, because one that dies must not take the conversion along.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from contract.errors import ModelError
from contract.manifest import Format
from converters.spread import spread
from edge.backends import Backend, open_backend

Kernels = Literal["litert-reference", "onnx-unoptimised", "tflite-runtime", "openvino"]
EMULATION: dict[Format, Kernels] = {"tflite": "litert-reference", "onnx": "onnx-unoptimised"}
SECOND: tuple[tuple[Kernels, Format | None, str], ...] = (
    ("tflite-runtime", "tflite", "tflite_runtime"),
    ("openvino", None, "openvino"),
)
"""Other libraries devices run: kernels, the format they read (None for both), and the package they need."""
_PIXELS = 16 * 224 * 224
"""Of all pictures an emulation sees together: reference kernels take a second for a large one."""


def second_libraries(format: Format) -> tuple[Kernels, ...]:
    """Those installed here beside the one that serves."""
    return tuple(
        kernels for kernels, reads, package in SECOND if reads in (None, format) and find_spec(package) is not None
    )


def emulated_pictures(frames: NDArray[np.generic]) -> NDArray[np.int64]:
    """Indices of the frames an emulation is asked about: all small ones, some of many large ones, evenly apart."""
    size = max(int(np.prod(frames.shape[1:3])), 1)
    return np.array(spread(len(frames), max(_PIXELS // size, 4)), np.int64)


def open_kernels(kernels: Kernels, format: Format, model: Path) -> Backend:
    """`model`, loaded so that those kernels compute it. ModelError where they refuse it."""
    return _OPEN[kernels](format, model)


def _litert_reference(_: Format, model: Path) -> Backend:
    from ai_edge_litert.interpreter import OpResolverType

    from edge.backends.interpreter import TfliteLibrary, open_model
    from edge.backends.litert import LIBRARY

    interpreter = partial(LIBRARY.interpreter, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    library = TfliteLibrary(f"{LIBRARY.name} (reference kernels)", LIBRARY.version, interpreter, LIBRARY.load_delegate)
    return open_model(library, model, threads=1)


def _onnx_unoptimised(_: Format, model: Path) -> Backend:
    import onnxruntime

    from edge.backends.onnx import REFUSALS, OnnxBackend

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except REFUSALS as problem:
        raise ModelError(
            f"onnxruntime cannot emulate it: {' '.join(str(problem).split())[:300]}",
            where=str(model),
            fix="Convert the model again.",
        ) from problem
    return OnnxBackend(session, threads=1)


def _tflite_runtime(_: Format, model: Path) -> Backend:
    from edge.backends.interpreter import open_model
    from edge.backends.tflite_runtime import LIBRARY

    return open_model(LIBRARY, model, threads=1)


def _openvino(format: Format, model: Path) -> Backend:
    return open_backend(format, model, device="openvino")


_OPEN: dict[Kernels, Callable[[Format, Path], Backend]] = {
    "litert-reference": _litert_reference,
    "onnx-unoptimised": _onnx_unoptimised,
    "tflite-runtime": _tflite_runtime,
    "openvino": _openvino,
}
