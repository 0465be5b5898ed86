"""Models that can be measured: a run's through Keras, a bundle's through the very code of the device.

Both take pictures fitted by `edge.preprocess`, so their numbers may be compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from contract.errors import ConfigError
from contract.manifest import Preprocessing
from edge.bundles import UNVERIFIED, CheckedBundle, read_bundle
from edge.model import load_model
from edge.postprocess import decode
from edge.quantisation import Tensor
from trainer.learning import framework
from trainer.measurement.evaluation import NO_ANSWER, first_answers
from trainer.measurement.full_scores import full_scores
from trainer.run_folder import Run, open_run
from trainer.settings import DataSettings, usable_cores

Kind = Literal["run", "bundle"]


@dataclass(frozen=True, slots=True)
class Origins:
    """What is known about the pictures a model was trained on."""

    dataset: str | None = None
    """Their digest; None where the model does not say."""
    seed: int = 0
    """That drew their splits."""
    settings: DataSettings = field(default_factory=DataSettings)


class Classifier(Protocol):
    """A model that can be measured."""

    kind: Kind
    release: str
    labels: tuple[str, ...]
    preprocessing: Preprocessing
    trained_on: Origins

    def scored(self, frames: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Scores (N, labels) in 0..1 for fitted pictures (N, H, W, C), and the answers (N,) of `answers`."""

    def answers(self, frames: NDArray[np.uint8]) -> NDArray[np.int64]:
        """First answers (N,) for fitted pictures (N, H, W, C); NO_ANSWER where there is none."""

    def size_bytes(self) -> int:
        """Of the model's file."""


class RunClassifier:
    """A run's floating-point model."""

    kind: Kind = "run"

    def __init__(self, run: Run) -> None:
        self._run = run
        self._model: Any = None
        self.release: str = run.settings.name
        self.labels = run.dataset.labels
        self.preprocessing: Preprocessing = run.settings.preprocessing
        self.trained_on = Origins(run.dataset.digest, run.settings.seed, run.settings.data)

    @property
    def run(self) -> Run:
        """Where it lies."""
        return self._run

    def scored(self, frames: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """By Keras."""
        model = self.keras_model()
        from trainer.learning.inference import scores_of

        scores = scores_of(model, frames, self.preprocessing)
        return scores, first_answers(scores)

    def keras_model(self) -> Any:
        """The `keras.Model`, read once."""
        if self._model is None:
            framework.prepare(threads=usable_cores())
            from trainer.learning.inference import open_keras

            self._model = open_keras(self._run.model)
        return self._model

    def answers(self, frames: NDArray[np.uint8]) -> NDArray[np.int64]:
        """The class with the highest score."""
        return self.scored(frames)[1]

    def size_bytes(self) -> int:
        """Of the Keras file."""
        return self._run.model.stat().st_size


class BundleClassifier:
    """A bundle's model, as the device runs it."""

    kind: Kind = "bundle"

    def __init__(self, bundle: CheckedBundle) -> None:
        manifest = bundle.manifest
        self._manifest = manifest
        self._size_bytes = len(bundle.members[manifest.model])
        self._model = load_model(manifest, bundle.digest, bundle.members[manifest.model], threads=usable_cores())
        self.release = manifest.release
        self.labels = manifest.labels
        self.preprocessing = manifest.preprocessing
        self.trained_on = Origins(manifest.lineage.get("dataset"))

    def scored(self, frames: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """By the device's own backend, tables and decoding; every score instead of the best few beside it."""
        scores = np.empty((len(frames), len(self.labels)), np.float32)
        answers = np.empty(len(frames), np.int64)
        for number, frame in enumerate(frames):
            outputs = self._model.outputs_for(frame)
            answers[number] = self._first(outputs)
            scores[number] = full_scores(outputs, self._manifest)[: len(self.labels)]
        return scores, answers

    def answers(self, frames: NDArray[np.uint8]) -> NDArray[np.int64]:
        """By the device's own backend, tables and decoding."""
        return np.array([self._first(self._model.outputs_for(frame)) for frame in frames], np.int64)

    def _first(self, outputs: Mapping[str, Tensor]) -> int:
        classes = decode(outputs, self._manifest).classes
        return classes[0].index if classes else NO_ANSWER

    def size_bytes(self) -> int:
        """Of the model's member."""
        return self._size_bytes


def open_classifier(path: Path) -> Classifier:
    """The run folder or bundle at `path`; errors say why it is neither. Who signed a bundle is not asked here."""
    if path.is_dir():
        return RunClassifier(open_run(path))
    bundle = read_bundle(path, UNVERIFIED)
    if bundle.manifest.task != "classify":
        raise ConfigError(
            f"task {bundle.manifest.task!r} cannot be measured yet", where=str(path), fix="Only classify can so far."
        )
    return BundleClassifier(bundle)
