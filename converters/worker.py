"""The process a step runs in: `python -m converters.worker JOB.json`, started by `converters/jobs.py`.

Only here are TensorFlow and the quantisers imported, each in the one function that needs it. A known error is left as a
file and ends with its exit code; anything else is a bug and shows in the log. Nobody waits for the conversion of a
parent that is gone, so the worker ends with it.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from contract.codec import from_json
from contract.errors import FerryError, ModelError
from contract.manifest import Format
from converters.feeds import Feeds
from converters.jobs import Job, Task, write_failure, write_peak

if TYPE_CHECKING:
    from converters.tensorflow_model import Network


def work(job: Job) -> None:
    """Do what `job` asks; its `out` holds the result afterwards."""
    Path(job.out).write_bytes(WORK[job.task](job))


def _tensorflow_tflite(job: Job) -> bytes:
    from converters.tflite_from_tensorflow import to_tflite

    assert job.recipe is not None
    network = _network(job)
    feeds = Feeds(Path(job.frames), job.preprocessing, network.inputs, job.states, network.ask)
    return to_tflite(network, job.recipe, feeds, keep_float=job.keep_float, where=job.origin)


def _tensorflow_onnx(job: Job) -> bytes:
    from converters.onnx_from_tensorflow import to_onnx

    return to_onnx(_network(job), job.form, where=job.origin)


def _tflite_still(job: Job) -> bytes:
    from converters.tflite_still import still

    return still(Path(job.model).read_bytes(), where=job.origin)


def _tflite_widen(job: Job) -> bytes:
    from converters.tflite_wide import widened

    return widened(_tflite_still(job), where=job.origin)


def _tflite_quantise(job: Job) -> bytes:
    from converters.tflite_quantised import quantise

    assert job.recipe is not None
    feeds = _feeds(job, "tflite")
    return quantise(Path(job.model), job.recipe, feeds, keep_float=job.keep_float, where=job.origin)


def _tflite_twin(job: Job) -> bytes:
    """The twin or the nearest int8 model; the uint8 file as it is where operators have no such kernels."""
    from converters.int8_twin import nearest_int8

    model = Path(job.model).read_bytes()
    try:
        return nearest_int8(model, where=job.origin).model
    except ModelError:
        return _tflite_still(job)


def _tflite_onnx(job: Job) -> bytes:
    from converters.onnx_from_tflite import to_onnx

    return to_onnx(Path(job.model), job.outputs, job.form, where=job.origin)


def _onnx_still(job: Job) -> bytes:
    from converters.onnx_still import still

    return still(Path(job.model), _picture(job), job.outputs, job.states, job.form, where=job.origin)


def _onnx_real(job: Job) -> bytes:
    from converters.onnx_real import real_insides

    return real_insides(Path(job.model), where=job.origin)


def _onnx_half(job: Job) -> bytes:
    from converters.onnx_half import halved

    return halved(Path(job.model), where=job.origin)


def _onnx_quantise(job: Job) -> bytes:
    from converters.onnx_int8 import quantise

    feeds = _feeds(job, "onnx")
    return quantise(Path(job.model), feeds, job.form, keep_float=job.keep_float, where=job.origin)


def _onnx_tflite(job: Job) -> bytes:
    from converters.tflite_from_onnx import to_tflite

    return to_tflite(Path(job.model), job.outputs, where=job.origin)


def _answers(job: Job) -> bytes:
    from converters.answers import of_file, of_network, packed

    if job.source_kind in ("keras", "saved-model"):
        return packed(of_network(_network(job), job))
    return packed(of_file(job))


def _kernels(job: Job) -> bytes:
    from converters.answers import of_backend, packed
    from converters.stages import open_kernels

    assert job.kernels is not None
    format: Format = "onnx" if job.source_kind == "onnx" else "tflite"
    return packed(of_backend(open_kernels(job.kernels, format, Path(job.model)), job))


def _layer_errors(job: Job) -> bytes:
    from converters.layer_activations import compare

    return compare(job)


WORK: dict[Task, Callable[[Job], bytes]] = {
    "tensorflow-tflite": _tensorflow_tflite,
    "tensorflow-onnx": _tensorflow_onnx,
    "tflite-still": _tflite_still,
    "tflite-widen": _tflite_widen,
    "tflite-quantise": _tflite_quantise,
    "tflite-twin": _tflite_twin,
    "tflite-onnx": _tflite_onnx,
    "onnx-still": _onnx_still,
    "onnx-real": _onnx_real,
    "onnx-half": _onnx_half,
    "onnx-quantise": _onnx_quantise,
    "onnx-tflite": _onnx_tflite,
    "answers": _answers,
    "kernels": _kernels,
    "layer-errors": _layer_errors,
}


def _network(job: Job) -> Network:
    if job.source_kind == "saved-model":
        from converters.saved_model import load
    else:
        from converters.keras_model import load

    return load(Path(job.model), _picture(job), job.outputs, job.states)


def _picture(job: Job) -> tuple[int, ...]:
    """What the source is fed, without the batch."""
    height_width_channels = tuple(np.load(job.frames, mmap_mode="r").shape[1:])
    if len(height_width_channels) != 3:
        return height_width_channels
    height, width, channels = height_width_channels
    if job.preprocessing.layout == "nchw":
        return (channels, height, width)
    return (height, width) if job.preprocessing.layout == "nhw" else height_width_channels


def _feeds(job: Job, format: Format) -> Feeds:
    """For a model file of floating point, with its own answers where it has states."""
    from converters.answers import Asked, opened

    asked = Asked(opened(job, format))
    return Feeds(Path(job.frames), job.preprocessing, asked.inputs, job.states, asked.ask)


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
    finally:
        write_peak(job_path)


if __name__ == "__main__":
    end_with_parent()
    main(Path(sys.argv[1]))
