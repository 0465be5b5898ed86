"""Models that can be measured: a run's through Keras, a bundle's through the very code of the device.

Both take pictures fitted by `edge.preprocess`, so their numbers may be compared.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from contract.errors import ConfigError
from contract.manifest import Preprocessing
from edge.bundles import UNVERIFIED, CheckedBundle, read_bundle
from edge.model import load_model
from edge.postprocess import decode
from trainer import framework
from trainer.evaluation import NO_ANSWER, first_answers
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

    def answers(self, frames: NDArray[np.uint8]) -> NDArray[np.int64]:
        """First answers (N,) for fitted pictures (N, H, W, C); NO_ANSWER where there is none."""


class RunClassifier:
    """A run's floating-point model."""

    kind: Kind = "run"

    def __init__(self, run: Run) -> None:
        self._run = run
        self.release: str = run.settings.name
        self.labels = run.dataset.labels
        self.preprocessing: Preprocessing = run.settings.preprocessing
        self.trained_on = Origins(run.dataset.digest, run.settings.seed, run.settings.data)

    def answers(self, frames: NDArray[np.uint8]) -> NDArray[np.int64]:
        """By Keras."""
        framework.prepare(threads=usable_cores())
        from trainer.inference import open_keras, scores_of

        scores = scores_of(open_keras(self._run.model), frames, self.preprocessing)
        return first_answers(scores)


class BundleClassifier:
    """A bundle's model, as the device runs it."""

    kind: Kind = "bundle"

    def __init__(self, bundle: CheckedBundle) -> None:
        manifest = bundle.manifest
        self._manifest = manifest
        self._model = load_model(manifest, bundle.digest, bundle.members[manifest.model], threads=usable_cores())
        self.release = manifest.release
        self.labels = manifest.labels
        self.preprocessing = manifest.preprocessing
        self.trained_on = Origins(manifest.lineage.get("dataset"))

    def answers(self, frames: NDArray[np.uint8]) -> NDArray[np.int64]:
        """By the device's own backend, tables and decoding."""
        return np.array([self._answer(frame) for frame in frames], np.int64)

    def _answer(self, fitted: NDArray[np.uint8]) -> int:
        classes = decode(self._model.outputs_for(fitted), self._manifest).classes
        return classes[0].index if classes else NO_ANSWER


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
