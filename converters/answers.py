"""What the original itself says to pictures: the truth that every artifact is compared with.

Runs inside `converters.worker`. TensorFlow's models are asked in batches, files one picture at a time through the
device's own backends. States of recurrent models start at zero for each picture, as golden frames are run on a device
(`edge/model.py`, `outputs_for`).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from contract.errors import ModelError
from contract.manifest import Format, TensorSpec
from converters.feeds import Feeds, as_input, picture_name
from converters.jobs import Job
from edge.backends import Backend, open_backend
from edge.preprocess import Preprocessor
from edge.quantisation import Tensor, dequantise, quantise

if TYPE_CHECKING:
    from converters.tensorflow_model import Network

Real = NDArray[np.float32]
BATCH = 16
"""Pictures at a time: VGG16 takes 1 GB for so many of 224x224."""


class Asked:
    """A `.tflite` or `.onnx` file that answers real values with real values."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.specs = {spec.name: spec for spec in self._backend.inputs}

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """Shapes by name."""
        return {name: spec.shape for name, spec in self.specs.items()}

    def ask(self, feed: Mapping[str, Real]) -> dict[str, Real]:
        """Its outputs by name, dequantised where they are whole numbers."""
        return self.ask_stored(
            {name: quantise(array.astype(np.float64), self.specs[name]) for name, array in feed.items()}
        )

    def ask_stored(self, tensors: Mapping[str, Tensor]) -> dict[str, Real]:
        """The same for inputs as the file stores them."""
        answers = self._backend.infer(tensors)
        return {spec.name: dequantise(answers[spec.name], spec) for spec in self._backend.outputs}


def of_network(network: Network, job: Job) -> dict[str, Real]:
    """A loaded TensorFlow model's answers to the job's frames: (N, ...) by output name."""
    frames = np.load(job.frames, mmap_mode="r")
    picture = picture_name(tuple(network.inputs), job.states)
    shape = network.inputs[picture]
    states = Feeds(Path(job.frames), job.preprocessing, network.inputs, job.states).first_states()
    batch = BATCH if network.any_batch and not states else 1
    parts = []
    for at in range(0, len(frames), batch):
        real = np.concatenate([as_input(frame, job.preprocessing, shape) for frame in frames[at : at + batch]])
        parts.append(network.ask({name: real if name == picture else states[name] for name in network.inputs}))
    return _joined(parts)


def of_file(job: Job) -> dict[str, Real]:
    """The answers of the job's `.onnx` or `.tflite` file, by the source's output names.

    Its input is written as a device writes it, to the bit, so that a file compared with itself differs in nothing.
    """
    return of_backend(opened(job, "onnx" if job.source_kind == "onnx" else "tflite"), job)


def opened(job: Job, format: Format) -> Backend:
    """The model of `job`; ModelError of what the person called it where the library cannot open it."""
    try:
        return open_backend(format, Path(job.model))
    except ModelError as problem:
        raise ModelError(problem.what, where=job.origin, fix=problem.fix) from problem


def of_backend(backend: Backend, job: Job) -> dict[str, Real]:
    """The same of a file that is open already."""
    asked = Asked(backend)
    picture = picture_name(tuple(asked.specs), job.states)
    states = {state.input: _zeros(asked.specs[state.input]) for state in job.states}
    write = _writer(asked.specs[picture], job)
    frames = np.load(job.frames, mmap_mode="r")
    return _joined([_named(asked.ask_stored({picture: write(frame), **states}), job) for frame in frames])


def packed(answers: Mapping[str, Real]) -> bytes:
    """As the members of an `.npz` file, by number, because a name may be no file name."""
    stream = io.BytesIO()
    arrays: dict[str, Any] = {str(place): array for place, array in enumerate(answers.values())}
    np.savez(stream, **arrays)
    return stream.getvalue()


def _writer(spec: TensorSpec, job: Job) -> Callable[[NDArray[Any]], Tensor]:
    """From one frame to the input tensor: pictures as the device writes them, other numbers as they are."""
    if np.load(job.frames, mmap_mode="r").ndim != 4:
        return lambda frame: np.asarray(frame, spec.dtype).reshape(spec.shape)
    preprocessor = Preprocessor(spec, job.preprocessing)

    def write(frame: NDArray[Any]) -> Tensor:
        tensor = np.empty(spec.shape, spec.dtype)
        preprocessor.write_fitted(np.asarray(frame), tensor)
        return tensor

    return write


def _zeros(spec: TensorSpec) -> Tensor:
    """Real zeros as the tensor stores them."""
    return quantise(np.zeros(spec.shape), spec)


def _named(answers: dict[str, Real], job: Job) -> dict[str, Real]:
    if missing := [name for name in job.outputs if name not in answers]:
        raise ModelError(
            f"it has no output {missing[0]!r}", where=job.origin, fix=f"Its outputs are: {', '.join(answers)}"
        )
    return {name: answers[name] for name in job.outputs}


def _joined(parts: list[dict[str, Real]]) -> dict[str, Real]:
    return {name: np.concatenate([part[name] for part in parts]).astype(np.float32) for name in parts[0]}
