"""tflite-runtime 2.14, LiteRT's last predecessor, for 32-bit ARM and old images where LiteRT has no wheel.

The same interpreter interface; its extension module was built against numpy 1 and dies with numpy 2.
"""

from __future__ import annotations

import numpy as np
import tflite_runtime
from tflite_runtime.interpreter import Interpreter, load_delegate

from contract.errors import MissingPartError
from edge.backends.interpreter import TfliteLibrary

if np.lib.NumpyVersion(np.__version__) >= "2.0.0":
    raise MissingPartError(
        f"tflite-runtime cannot work with numpy {np.__version__}",
        where="the Python package numpy",
        fix="Run: pip install 'numpy<2', or install ai-edge-litert where it has a wheel.",
    )

LIBRARY = TfliteLibrary("tflite-runtime", tflite_runtime.__version__, Interpreter, load_delegate)
