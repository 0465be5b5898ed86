"""Detectors that can be measured: a run's through Keras, a bundle's through the very code of the device.

Average precision wants every box with its score, so both are asked from a low score on, whatever their threshold is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from contract.errors import ConfigError, ModelError
from contract.manifest import Preprocessing, Share, Task
from edge.bundles import UNVERIFIED, CheckedBundle, read_bundle
from edge.marked import LOWEST, Found, as_found, lowered
from edge.model import load_model
from edge.postprocess import decoder_for
from trainer.learning import framework
from trainer.measurement.classifiers import Kind, Origins
from trainer.run_folder import Run, open_run
from trainer.settings import usable_cores


class Detector(Protocol):
    """A model that can be measured."""

    kind: Kind
    release: str
    labels: tuple[str, ...]
    preprocessing: Preprocessing
    trained_on: Origins
    score_threshold: Share
    """From which score on it believes a box itself."""

    def answers(self, frames: NDArray[np.uint8]) -> list[Found]:
        """What it finds in each of the fitted pictures (N, H, W, C), in their pixels."""


class RunDetector:
    """A run's floating-point model."""

    kind: Kind = "run"

    def __init__(self, run: Run) -> None:
        if not run.settings.decoding:
            raise ModelError("the run does not say what its outputs mean", where=str(run.path), fix="Train again.")
        self._run, self._decoding = run, run.settings.decoding
        self.release: str = run.settings.name
        self.labels = run.dataset.labels
        self.preprocessing: Preprocessing = run.settings.preprocessing
        self.trained_on = Origins(run.dataset.digest, run.settings.seed, run.settings.data)
        self.score_threshold = self._decoding.score_threshold

    def answers(self, frames: NDArray[np.uint8]) -> list[Found]:
        """By Keras, decoded as on the device."""
        framework.prepare(threads=usable_cores())
        from trainer.detection.inference import found_by
        from trainer.learning.inference import open_keras

        decoding = lowered(self._decoding)
        return found_by(open_keras(self._run.model), frames, self.preprocessing, decoding, self.labels)


class BundleDetector:
    """A bundle's model, as the device runs it."""

    kind: Kind = "bundle"

    def __init__(self, bundle: CheckedBundle) -> None:
        manifest = bundle.manifest
        self._model = load_model(manifest, bundle.digest, bundle.members[manifest.model], threads=usable_cores())
        self._decoder = decoder_for(msgspec.structs.replace(manifest, decoding=lowered(manifest.decoding)))
        self.release = manifest.release
        self.labels = manifest.labels
        self.preprocessing = manifest.preprocessing
        self.trained_on = Origins(manifest.lineage.get("dataset"))
        self.score_threshold: Share = getattr(manifest.decoding, "score_threshold", LOWEST)

    def answers(self, frames: NDArray[np.uint8]) -> list[Found]:
        """By the device's own backend, tables and decoding."""
        size = self.preprocessing.size_wh
        return [
            as_found(self._decoder.decode(self._model.outputs_for(fitted), size).detections or ()) for fitted in frames
        ]


def task_of(path: Path) -> Task:
    """What the run folder or bundle at `path` was made for; errors say why it is neither."""
    return open_run(path).settings.task if path.is_dir() else read_bundle(path, UNVERIFIED).manifest.task


def open_detector(path: Path) -> Detector:
    """The run folder or bundle at `path`. Who signed a bundle is not asked here."""
    if task_of(path) != "detect":
        raise ConfigError(f"task {task_of(path)!r} has no boxes", where=str(path), fix="Name a detector.")
    return RunDetector(open_run(path)) if path.is_dir() else BundleDetector(read_bundle(path, UNVERIFIED))
