"""What runs in a child process: import one library, run it once, say what it answered. Nothing else is imported here.

A library that does not fit its processor ends the process that imports it (SIGILL, SIGSEGV) or hangs it; the parent,
`devices/doctor/trial.py`, turns that into a sentence, and the last line of a traceback as well. So nothing is caught.
The answer goes through a pipe of its own, as libraries like to print.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

LIBEDGETPU = "libedgetpu.so.1"


def _numpy(_model: str) -> object:
    import numpy as np

    return float((np.arange(16, dtype=np.float32).reshape(4, 4) @ np.eye(4, dtype=np.float32)).sum())


def _cv2(_model: str) -> object:
    import cv2
    import numpy as np

    written, jpeg = cv2.imencode(".jpg", np.full((16, 16, 3), 128, np.uint8))
    picture = cv2.resize(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), (8, 8))
    return [bool(written), *picture.shape]


def _ai_edge_litert(model: str) -> object:
    from ai_edge_litert.interpreter import Interpreter

    return _redness(Interpreter(model_path=model, num_threads=1))


def _tflite_runtime(model: str) -> object:
    from tflite_runtime.interpreter import Interpreter

    return _redness(Interpreter(model_path=model, num_threads=1))


def _redness(interpreter: Any) -> object:
    """Which of three colours the model sees in a red picture: 0."""
    interpreter.allocate_tensors()
    given, asked = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    import numpy as np  # after the library, so that what it needs of numpy is its own affair

    picture = np.full(given["shape"], -128, np.int8)
    picture[..., 0] = 127
    interpreter.set_tensor(given["index"], picture)
    interpreter.invoke()
    return int(np.argmax(interpreter.get_tensor(asked["index"])))


def _onnxruntime(model: str) -> object:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    import numpy as np

    (answer,) = session.run(None, {"picture": np.ones((1, 1, 8, 8), np.float32)})
    return round(float(answer.reshape(-1)[0]), 3)


def _libedgetpu(how: str) -> object:
    """`how` is MODULE:DEVICE, e.g. `ai_edge_litert:usb` (google-coral/pycoral, utils/edgetpu.py)."""
    import importlib

    module, _, device = how.partition(":")
    importlib.import_module(f"{module}.interpreter").load_delegate(LIBEDGETPU, {"device": device})
    return "loaded"


TRIALS: dict[str, tuple[Callable[[str], object], object]] = {
    "numpy": (_numpy, 120.0),
    "cv2": (_cv2, [True, 8, 8, 3]),
    "ai_edge_litert": (_ai_edge_litert, 0),
    "tflite_runtime": (_tflite_runtime, 0),
    "onnxruntime": (_onnxruntime, 9.0),
    "libedgetpu": (_libedgetpu, "loaded"),
}
"""What to run, by the module's name, and the right answer."""


if __name__ == "__main__":
    name, argument, writer = sys.argv[1:]
    os.write(int(writer), json.dumps(TRIALS[name][0](argument)).encode())
