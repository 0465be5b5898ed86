"""The process a conversion runs in: `python -m converters.worker JOB.json`, started by `converters/jobs.py`.

Only here are TensorFlow and the quantisers imported, each in the one function that needs it. A known error is left as a
file and ends with its exit code; anything else is a bug and shows in the log. Nobody waits for the conversion of a
parent that is gone, so the worker ends with it.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contract.codec import from_json
from contract.errors import FerryError, ModelError
from converters.jobs import Job, write_failure
from edge.preprocess import real_values


def work(job: Job) -> None:
    """Do what `job` asks; its `out` holds the model afterwards."""
    calibration = real_values(np.load(job.frames), job.preprocessing)
    if job.kind == "onnx-int8":
        from converters.onnx_int8 import quantise

        converted = quantise(Path(job.model), calibration, where=job.origin)
    else:
        converted = _from_keras(job, calibration)
    Path(job.out).write_bytes(converted)


def _from_keras(job: Job, calibration: NDArray[np.float32]) -> bytes:
    from converters.keras_model import float_answers, load

    model = load(Path(job.model), calibration.shape[1:])
    if job.golden and job.answers:
        np.save(job.answers, float_answers(model, real_values(np.load(job.golden), job.preprocessing)))
    if job.kind == "tflite":
        from converters.tflite_int8 import to_tflite

        return to_tflite(model, calibration, where=job.origin)
    from converters.onnx_float import to_onnx

    return to_onnx(model, calibration.shape[1:], where=job.origin)


def end_with_parent() -> None:
    """End this process at once when the one that started it ends: standard input is a pipe from there."""

    def wait() -> None:
        # The descriptor itself: a buffered stream held by a daemon thread is an error at the interpreter's end.
        while os.read(0, 1):
            pass
        os._exit(1)

    threading.Thread(target=wait, name="parent", daemon=True).start()


def main(job_path: Path) -> None:
    """Read the job, do it, and leave a known error where the parent looks for it."""
    job = from_json(job_path.read_bytes(), Job, where=str(job_path), error=ModelError)
    try:
        work(job)
    except FerryError as error:
        write_failure(job_path, error)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    end_with_parent()
    main(Path(sys.argv[1]))
