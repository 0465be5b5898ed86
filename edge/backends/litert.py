"""LiteRT, the first choice for `.tflite` files: with XNNPACK kernels, which it applies by itself."""

from __future__ import annotations

from pathlib import Path

import ai_edge_litert
from ai_edge_litert.interpreter import Interpreter

from edge.backends.interpreter import InterpreterBackend, open_interpreter


def open_model(model: bytes | Path, *, threads: int) -> InterpreterBackend:
    """The model, loaded by LiteRT."""
    library = f"ai-edge-litert {ai_edge_litert.__version__}"
    return InterpreterBackend(open_interpreter(Interpreter, model, threads), library=library)
