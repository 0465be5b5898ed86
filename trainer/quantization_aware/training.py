"""After the float training: learn on with rounding, and keep that only where it is asked for or shown to be better.

The float model in the run stays what it was; `model.qat.keras` stands beside it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from contract.manifest import Preprocessing
from contract.run import MODEL, QUANTIZATION_AWARE_FILE, QUANTIZATION_AWARE_MODEL
from edge.preprocess import real_values
from trainer.data.dataset import Pictures, Prepared
from trainer.data.samples import CALIBRATION_LIMIT, spread_over_classes
from trainer.learning.fitting import fit
from trainer.learning.inference import open_keras, save_keras, scores_of
from trainer.learning.weights import weights_digest
from trainer.measurement.evaluation import first_answers
from trainer.progress import Progress
from trainer.quantization_aware.cloning import quantised_clone
from trainer.quantization_aware.fake_quant import observing
from trainer.quantization_aware.int8_file import calibrated_int8_file, file_scores, int8_file
from trainer.quantization_aware.verdict import Comparison, QuantizationAware, compared, decided
from trainer.run_folder import writing
from trainer.settings import Resolved

_AS_ASKED = 'kept: asked for by quantization.aware = "on", not compared with calibration'
_BATCH = 64
"""Pictures looked at together while ranges are set."""


@dataclass(frozen=True, slots=True)
class _Control:
    """What learning with rounding must beat."""

    model: keras.Model
    comparisons: tuple[Comparison, ...]


def learn_rounding(folder: Path, data: Prepared, settings: Resolved, progress: Progress) -> QuantizationAware:
    """Train the model in `folder` on with rounding; what came of it, and the file beside it where it is kept."""
    begun = time.monotonic()
    progress.say(f"Learning with the rounding of int8, {settings.quantization.epochs} epochs")
    aware = trained_aware(open_keras(folder / MODEL), data, settings, progress)
    file = int8_file(aware)
    control = _control(folder, data, settings, file, progress) if settings.quantization.aware == "auto" else None
    kept, decision = (True, _AS_ASKED) if control is None else decided(control.comparisons)
    seconds = time.monotonic() - begun
    if kept:
        with writing(folder):
            save_keras(aware, folder / QUANTIZATION_AWARE_MODEL)
            (folder / QUANTIZATION_AWARE_FILE).write_bytes(file)
    progress.say(f"Quantisation-aware model {decision}")
    test, prep = data.splits["test"], settings.preprocessing
    answers, from_file = _answers(aware, test, prep), _file_answers(file, test, prep)
    return QuantizationAware(
        kept=kept,
        decision=decision,
        epochs=settings.quantization.epochs,
        learning_rate=settings.quantization.learning_rate,
        seconds=round(seconds, 3),
        accuracy=_share(answers == test.labels),
        file_accuracy=_share(from_file == test.labels),
        file_agreement=_share(answers == from_file),
        weights=weights_digest(aware),
        float_control=_share(_answers(control.model, test, prep) == test.labels) if control else None,
        comparisons=control.comparisons if control else (),
    )


def trained_aware(model: keras.Model, data: Prepared, settings: Resolved, progress: Progress) -> keras.Model:
    """The quantised clone of float `model`, its ranges set on training pictures, trained on."""
    aware = quantised_clone(model, input_range=input_range(settings.preprocessing))
    set_ranges(aware, calibration_pictures(data, settings.preprocessing))
    train_on(aware, data, settings, progress)
    return aware


def train_on(model: keras.Model, data: Prepared, settings: Resolved, progress: Progress) -> None:
    """Train `model`, rounded or not, as long and as fast as `[quantization]` says, on changed pictures as before."""
    longer = settings.quantization
    training = replace(
        settings.training, epochs=longer.epochs, patience=longer.epochs, learning_rate=longer.learning_rate
    )
    again = replace(settings, training=training)
    fit(model, data, again, progress.epochs(longer.epochs))


def set_ranges(aware: keras.Model, pictures: NDArray[np.float32]) -> None:
    """Widen every moving range of a new clone to what real-valued `pictures` (N, H, W, C) make of it."""
    with observing(aware):
        for start in range(0, len(pictures), _BATCH):
            aware(pictures[start : start + _BATCH], training=False)


def calibration_pictures(data: Prepared, prep: Preprocessing) -> NDArray[np.float32]:
    """Real values of the training pictures a run keeps for calibration, (N, H, W, C)."""
    train = data.splits["train"]
    return real_values(train.frames[spread_over_classes(train, CALIBRATION_LIMIT)], prep)


def input_range(prep: Preprocessing) -> tuple[float, float]:
    """Real values of the darkest and of the brightest pixel, over all channels."""
    mean, std = np.asarray(prep.mean, np.float64), np.asarray(prep.std, np.float64)
    ends = np.stack([(0.0 - mean) / std, (255.0 - mean) / std])
    return float(ends.min()), float(ends.max())


def _control(folder: Path, data: Prepared, settings: Resolved, aware: bytes, progress: Progress) -> _Control:
    """Int8 by calibration, of the float model and of one trained as much longer, against the file `aware`."""
    progress.say("Training the float model as much longer, to compare with")
    model, longer = (open_keras(folder / MODEL) for _ in range(2))
    train_on(longer, data, settings, progress)
    validation, prep = data.splits["validation"], settings.preprocessing
    pictures = calibration_pictures(data, prep)
    answers = _file_answers(aware, validation, prep)
    rivals = {
        "by calibration of the float model": model,
        f"by calibration of a float model trained {settings.quantization.epochs} epochs longer": longer,
    }
    comparisons = tuple(
        compared(
            name, validation.labels, answers, _file_answers(calibrated_int8_file(rival, pictures), validation, prep)
        )
        for name, rival in rivals.items()
    )
    return _Control(longer, comparisons)


def _answers(model: keras.Model, pictures: Pictures, prep: Preprocessing) -> NDArray[np.int64]:
    return first_answers(scores_of(model, pictures.frames, prep))


def _file_answers(file: bytes, pictures: Pictures, prep: Preprocessing) -> NDArray[np.int64]:
    return first_answers(file_scores(file, pictures.frames, prep))


def _share(right: NDArray[np.bool_]) -> float:
    return float(right.mean())
