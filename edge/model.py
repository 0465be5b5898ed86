"""A model with everything it needs to answer: manifest, backend, preprocessing, decoding. One frame in, one answer out.

Where frames come from and where answers go is `edge/runtime.py`'s matter.
"""

from __future__ import annotations

import math
from pathlib import Path
from time import perf_counter_ns

import numpy as np
from msgspec import Struct

from contract.errors import DamagedFrameError, ModelError
from contract.manifest import Manifest, TensorSpec
from contract.result import StageTimes
from edge.backends import Backend, open_backend
from edge.decoders import Decoded
from edge.frames import Numbers, Pixels
from edge.number_feed import NumberFeed
from edge.postprocess import Decoder, decoder_for
from edge.preprocess import Preprocessor
from edge.quantisation import Tensor
from edge.recurrence import Recurrence

_NS_PER_MS = 1e6
_NOTHING: dict[str, Tensor] = {}


class Answer(Struct, frozen=True, gc=False):
    """What the model says about one frame, and how long it took."""

    times: StageTimes
    decoded: Decoded


class LoadedModel:
    """A model ready to answer. Not for two threads at a time."""

    def __init__(self, manifest: Manifest, digest: str, backend: Backend) -> None:
        _check_promise(manifest, backend)
        self.manifest = manifest
        self.digest = digest
        self.backend = backend
        self._input = manifest.picture_input
        of_numbers = manifest.preprocessing.of_numbers
        self.preprocessor = None if of_numbers else Preprocessor(self._input, manifest.preprocessing)
        self._number_feed = NumberFeed(manifest) if of_numbers else None
        self.release = manifest.release
        self._decoder = decoder_for(manifest)
        self._recurrence = Recurrence(manifest)
        self._input_kept = np.empty(self._input.shape, self._input.dtype) if _reads_input(self._decoder) else None
        # Most models are a picture in and an answer out, and shall not pay for the others.
        plain = not manifest.states and self._input_kept is None
        self._infer = backend.infer if plain else self._infer_with_more

    def answer(self, frame: Pixels | Numbers) -> Answer:
        """The whole way of one frame, (h, w, 3) BGR or numbers; BackendError or DamagedFrameError without an answer."""
        begun = perf_counter_ns()
        tensors = self._fill(frame)
        prepared = perf_counter_ns()
        outputs = self._infer(tensors)
        invoked = perf_counter_ns()
        decoded = self._decoder.decode(outputs, (frame.shape[1], frame.shape[0]))
        times = StageTimes(
            preprocess=(prepared - begun) / _NS_PER_MS,
            invoke=(invoked - prepared) / _NS_PER_MS,
            postprocess=(perf_counter_ns() - invoked) / _NS_PER_MS,
        )
        return Answer(times, decoded)

    def answer_blank(self) -> Answer:
        """To a grey picture in the model's size, or to zeros: for measuring what an answer takes."""
        if self._number_feed is not None:
            return self.answer(Numbers(np.zeros(self._number_feed.length)))
        width, height = self.manifest.preprocessing.size_wh
        return self.answer(np.full((height, width, 3), 128, np.uint8))

    @property
    def restarts(self) -> dict[str, int]:
        """How often the process it runs in was replaced, by cause; never, for a model in this process."""
        return {}

    def resident_elsewhere_bytes(self) -> int:
        """Memory it holds in other processes."""
        return 0

    def outputs_for(self, fitted: Tensor) -> dict[str, Tensor]:
        """The raw outputs, by name, for one fitted frame, as if it were a source's first.

        (H, W, C) uint8, or (K,) real values for a model that is fed numbers.
        """
        self.reset()
        return self.backend.infer({**self._fill_fitted(fitted), **self._recurrence.inputs})

    def reset(self) -> None:
        """Forget the frames before, as the next one comes from elsewhere; nothing to do for most models."""
        self._recurrence.reset()

    def close(self) -> None:
        """Give the model's memory back."""
        self.backend.close()

    def _fill(self, frame: Pixels | Numbers) -> dict[str, Tensor]:
        """Write the input, into the model's own buffer where it has one; what is left to hand to `infer`."""
        preprocessor = self.preprocessor
        if preprocessor is None or isinstance(frame, Numbers):
            return self._tensors(frame)
        view = self.backend.input_view(self._input.name)
        if view is not None:
            preprocessor.write(frame, view)
            return _NOTHING
        tensor = np.empty(self._input.shape, self._input.dtype)
        preprocessor.write(frame, tensor)
        return {self._input.name: tensor}

    def _fill_fitted(self, fitted: Tensor) -> dict[str, Tensor]:
        """The same for pixels in the model's size, or real values."""
        if self.preprocessor is None:
            return self._tensors(Numbers(np.asarray(fitted, np.float64)))
        tensor = np.empty(self._input.shape, self._input.dtype)
        self.preprocessor.write_fitted(fitted, tensor)
        return {self._input.name: tensor}

    def _tensors(self, frame: Pixels | Numbers) -> dict[str, Tensor]:
        if self._number_feed is None:
            raise _misfed("a picture", "numbers")
        if not isinstance(frame, Numbers):
            raise _misfed("numbers", "a picture")
        return self._number_feed.tensors(frame)

    def _infer_with_more(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """With the states of recurrent models, and with the input among the answers where the decoder reads it."""
        if self._input_kept is not None:
            # Beforehand, because the library may use an input's memory for something else once it is read.
            view = self.backend.input_view(self._input.name)
            np.copyto(self._input_kept, tensors[self._input.name] if view is None else view)
            del view
        outputs = self.backend.infer({**tensors, **self._recurrence.inputs})
        self._recurrence.keep(outputs)
        return outputs if self._input_kept is None else {**outputs, self._input.name: self._input_kept}


def load_model(
    manifest: Manifest,
    digest: str,
    model: bytes | Path,
    *,
    threads: int = 1,
    device: str = "auto",
    engines: Path | None = None,
) -> LoadedModel:
    """Open `model`, the file or its bytes, as what `manifest` says it is; `digest` is the bundle's.

    `device` is one of `edge.backends.device.WORDS`; `engines` is where engines built on this device are kept.

    Raises ModelError when the file is broken or is not what the manifest promises, BackendError when it needs an
    accelerator that is not there, MissingPartError without a library for its format.
    """
    backend = open_backend(
        manifest.format, model, threads=threads, device=device, profile=manifest.profile, engines=engines
    )
    return LoadedModel(manifest, digest, backend)


def _misfed(wanted: str, given: str) -> DamagedFrameError:
    return DamagedFrameError(
        f"the model takes {wanted}, and the frame is {given}",
        where="the source",
        fix=f"Choose a source that gives {wanted if wanted == 'numbers' else 'pictures'}.",
    )


def _reads_input(decoder: Decoder) -> bool:
    return getattr(decoder, "reads_input", False)


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
