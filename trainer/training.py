"""`edgeferry train`, from a path to a run folder: the one place that knows the order of the steps.

Read and fit the pictures, settle the settings, train, measure the saved file on the test split, write everything
down, and only then put the folder in its place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from contract import run as files
from contract.manifest import slug
from trainer import tracking
from trainer.architecture.settling import settle
from trainer.card import card
from trainer.data.dataset import Prepared, prepare
from trainer.data.origin import Origin, open_origin
from trainer.data.samples import CALIBRATION_LIMIT, GOLDEN_LIMIT, packed
from trainer.detection.record import AnyRecord
from trainer.learning import framework
from trainer.learning.checkpoints import Checkpoints, When, kept_at, leftover_settled, place_of
from trainer.measurement.evaluation_plan import make_plan
from trainer.measurement.measures import GoalTable
from trainer.plan import plan
from trainer.progress import Progress
from trainer.record import Record
from trainer.report import report
from trainer.run_folder import building, writing
from trainer.settings import Resolved, TrainConfig, resolve
from trainer.start import Start, fitted_with
from trainer.trained import TrainedRun, facts, write_record

if TYPE_CHECKING:
    from trainer.detection.detecting import TrainedDetector


class Trained(TrainedRun, frozen=True, kw_only=True):
    """What `edgeferry train --json` prints."""

    accuracy: float
    macro_f1: float
    goals: GoalTable | None = None
    """What became of `[goals]`; None where nothing was asked."""


def train(
    text: str,
    out: Path,
    config: TrainConfig,
    *,
    force: bool,
    progress: Progress,
    interrupted: When = "ask",
    download: bool = False,
    mlflow: str | None = None,
) -> Trained | TrainedDetector:
    """Train on the pictures `text` names and leave a run in `out`; every error is raised before `out` exists.

    `interrupted` says what to do where an earlier training to `out` left a checkpoint. Weights from elsewhere are
    fetched only with `download`. With `mlflow`, a URI, the run is written there as well.
    """
    uri = tracking.wanted(mlflow, config.tracking)
    with leftover_settled(out, interrupted, progress.say), building(out, force=force) as folder:
        progress.say(f"Reading {text}")
        origin = open_origin(text)
        name, place, fresh = slug(out.resolve().name), place_of(out), interrupted == "fresh"
        record: AnyRecord
        if config.task == "detect":
            from trainer.detection.detecting import settled_boxes, train_prepared_boxes

            boxes = settled_boxes(origin, name, config, progress)
            record = train_prepared_boxes(folder, *boxes, progress, checkpoints_at=place, fresh=fresh)
        else:
            config = settle(config, origin, download=download, say=progress.say)
            pictures = prepared(origin, name, config)
            record = train_prepared(folder, *pictures, progress, checkpoints_at=place, fresh=fresh)
    if uri:
        tracking.log_record(uri, out, record)
    return _summary_of(out, record)


def _summary_of(out: Path, record: AnyRecord) -> Trained | TrainedDetector:
    if isinstance(record, Record):
        return summary(out, record)
    from trainer.detection import detecting

    return detecting.summary(out, record)


def train_prepared(
    folder: Path,
    data: Prepared,
    settings: Resolved,
    progress: Progress,
    *,
    checkpoints_at: Path | None = None,
    fresh: bool = False,
    start: Start | None = None,
    judged: Callable[[Record, Path], Record] | None = None,
) -> Record:
    """Train on `data` into the new `folder`; `judged` sees record and model before anything else is written.

    Without `checkpoints_at` an interruption costs the whole training; `fresh` begins anew whatever lies there.
    """
    progress.say(_plan(data, fitted_with(settings, start)))
    settings = _ready(settings)
    checkpoints = kept_at(checkpoints_at, data, fitted_with(settings, start), fresh=fresh, say=progress.say)
    record = _trained(folder, data, settings, progress, start, checkpoints)
    if judged is not None:
        record = judged(record, folder / files.MODEL)
    write_record(
        folder,
        record,
        calibration=packed(data.splits["train"], CALIBRATION_LIMIT),
        golden=packed(data.splits["test"], GOLDEN_LIMIT),
        card=card(record),
        report=report(record),
    )
    return record


def prepared(origin: Origin, name: str, config: TrainConfig) -> tuple[Prepared, Resolved]:
    """The pictures, read and split, and the settings with nothing left open."""
    prep = config.preprocessing or origin.suggestion.preprocessing
    make_plan(  # only to refuse what cannot be measured, before it takes an hour
        config.evaluation,
        config.goals,
        task=config.task,
        labels=origin.labels,
        listed=origin.pictures,
        size_wh=prep.size_wh,
    )
    data = prepare(origin, prep, seed=config.seed, settings=config.data)
    pictures = len(data.splits["train"])
    return data, resolve(config, name=name, suggestion=origin.suggestion, train_pictures=pictures)


def _ready(settings: Resolved) -> Resolved:
    """TensorFlow there and repeatable, and `settings` with what it sees of the machine."""
    framework.prepare(threads=settings.training.threads, seed=settings.seed)
    from trainer.learning.hardware import settled

    return settled(settings)


def _trained(
    folder: Path,
    data: Prepared,
    settings: Resolved,
    progress: Progress,
    start: Start | None,
    checkpoints: Checkpoints | None,
) -> Record:
    """Train, save, and measure what was saved; leaves model and reference in `folder`."""
    from trainer.architecture.networks import build_classifier
    from trainer.learning.fine_tuning import fit_network
    from trainer.learning.inference import save_keras
    from trainer.measurement.measuring import measure

    fit_with = fitted_with(settings, start)
    model = start.build() if start else build_classifier(settings.preprocessing, len(data.labels), settings.network)
    epochs = fit_with.training.epochs
    fitted = fit_network(
        model, data, fit_with, progress.epochs(epochs), on_step=progress.steps(epochs), checkpoints=checkpoints
    )
    with writing(folder):
        save_keras(model, folder / files.MODEL)
    progress.say("Measuring on the test split")
    record = measure(folder, data, settings, fitted)
    return record if settings.quantization.aware == "off" else _quantization_aware(record, folder, data, progress)


def _quantization_aware(record: Record, folder: Path, data: Prepared, progress: Progress) -> Record:
    """Train on with rounding, and put down what came of it."""
    from trainer.quantization_aware.training import learn_rounding

    came_of_it = learn_rounding(folder, data, record.settings, progress)
    return replace(record, metrics=msgspec.structs.replace(record.metrics, quantization_aware=came_of_it))


def _plan(data: Prepared, settings: Resolved) -> str:
    return plan(data, settings, of=f"of {len(data.labels)} classes", how=f"up to {settings.training.epochs} epochs")


def summary(out: Path, record: Record) -> Trained:
    """What is printed about the run in `out`."""
    metrics = record.metrics
    return Trained(
        **facts(out, record),
        accuracy=metrics.test.accuracy,
        macro_f1=metrics.test.macro_f1,
        goals=metrics.evaluation.goals if metrics.evaluation else None,
    )
