"""A model with everything it needs to answer: manifest, backend, preprocessing, decoding. One frame in, one answer out.

Where frames come from and where answers go is `edge/runtime.py`'s matter.
"""

from __future__ import annotations

import math
from pathlib import Path
from time import perf_counter_ns

import numpy as np
from msgspec import UNSET, Struct, UnsetType

from contract.errors import ModelError
from contract.manifest import Manifest, TensorSpec
from contract.result import ClassScore, Detection, StageTimes
from edge.backends import Backend, open_backend
from edge.frames import Pixels
from edge.postprocess import decoder_for
from edge.preprocess import Preprocessor
from edge.quantisation import Tensor

_NS_PER_MS = 1e6


class Answer(Struct, frozen=True):
    """What the model says about one frame, and how long it took. Only the fields of its task are set."""

    times: StageTimes
    classes: tuple[ClassScore, ...] | UnsetType = UNSET
    detections: tuple[Detection, ...] | UnsetType = UNSET


class LoadedModel:
    """A model ready to answer. Not for two threads at a time."""

    def __init__(self, manifest: Manifest, digest: str, backend: Backend) -> None:
        _check_promise(manifest, backend)
        self.manifest = manifest
        self.digest = digest
        self.backend = backend
        self.preprocessor = Preprocessor(manifest.inputs[0], manifest.preprocessing)
        self.release = manifest.release
        self._decoder = decoder_for(manifest)
        self._input = manifest.inputs[0]

    def answer(self, pixels_bgr: Pixels) -> Answer:
        """The whole way of one frame (h, w, 3) BGR; BackendError or DamagedFrameError where there is no answer."""
        begun = perf_counter_ns()
        tensors = self._fill(pixels_bgr, fitted=False)
        prepared = perf_counter_ns()
        outputs = self.backend.infer(tensors)
        invoked = perf_counter_ns()
        decoded = self._decoder.decode(outputs, (pixels_bgr.shape[1], pixels_bgr.shape[0]))
        times = StageTimes(
            preprocess=(prepared - begun) / _NS_PER_MS,
            invoke=(invoked - prepared) / _NS_PER_MS,
            postprocess=(perf_counter_ns() - invoked) / _NS_PER_MS,
        )
        return Answer(times, decoded.classes, decoded.detections)

    def outputs_for(self, fitted: Pixels) -> dict[str, Tensor]:
        """The raw outputs, by name, for one fitted frame (H, W, C) uint8."""
        return self.backend.infer(self._fill(fitted, fitted=True))

    def close(self) -> None:
        """Give the model's memory back."""
        self.backend.close()

    def _fill(self, pixels: Pixels, *, fitted: bool) -> dict[str, Tensor]:
        """Write the input, into the model's own buffer where it has one; what is left to hand to `infer`."""
        view = self.backend.input_view(self._input.name)
        tensor = np.empty(self._input.shape, self._input.dtype) if view is None else view
        if fitted:
            self.preprocessor.write_fitted(pixels, tensor)
        else:
            self.preprocessor.write(pixels, tensor)
        return {self._input.name: tensor} if view is None else {}


def load_model(manifest: Manifest, digest: str, model: bytes | Path, *, threads: int = 1) -> LoadedModel:
    """Open `model`, the file or its bytes, as what `manifest` says it is; `digest` is the bundle's.

    Raises ModelError when the file is broken or is not what the manifest promises, BackendError when it needs an
    accelerator that is not there, MissingPartError without a library for its format.
    """
    return LoadedModel(manifest, digest, open_backend(manifest.format, model, threads=threads))


def _check_promise(manifest: Manifest, backend: Backend) -> None:
    """The tensors in the file must be those of the manifest; a missing quantisation in the file says nothing."""
    found = {spec.name: spec for spec in (*backend.inputs, *backend.outputs)}
    for promised in (*manifest.inputs, *manifest.outputs):
        there = found.get(promised.name)
        if there is None or not _agree(promised, there):
            raise ModelError(
                f"the manifest promises {_words(promised)}, and the file has {_words(there)}",
                where=f"{manifest.release}, tensor {promised.name!r}",
                fix="Convert the model again.",
            )


def _agree(promised: TensorSpec, there: TensorSpec) -> bool:
    if (promised.shape, promised.dtype) != (there.shape, there.dtype):
        return False
    ours, theirs = promised.quantization, there.quantization
    if ours is None or theirs is None:
        return theirs is None
    return ours.zero_point == theirs.zero_point and math.isclose(ours.scale, theirs.scale, rel_tol=1e-6)


def _words(spec: TensorSpec | None) -> str:
    if spec is None:
        return "no such tensor"
    scale = "" if spec.quantization is None else f" * {spec.quantization.scale:.6g}"
    return f"{spec.dtype}{list(spec.shape)}{scale}"
