"""LiteRT, the first choice for `.tflite` files: with XNNPACK kernels, which it applies by itself."""

from __future__ import annotations

import ai_edge_litert
from ai_edge_litert.interpreter import Interpreter, load_delegate

from edge.backends.interpreter import TfliteLibrary

LIBRARY = TfliteLibrary("ai-edge-litert", ai_edge_litert.__version__, Interpreter, load_delegate)
