"""`edgeferry train`, from a path to a run folder: the one place that knows the order of the steps.

Read and fit the pictures, settle the settings, train, measure the saved file on the test split, write everything
down, and only then put the folder in its place.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from contract import reference as drift
from contract import run as files
from contract.codec import to_pretty_json
from contract.manifest import slug
from trainer import framework
from trainer.card import card
from trainer.dataset import Prepared, prepare
from trainer.origin import open_origin
from trainer.progress import Progress
from trainer.record import Record
from trainer.report import report
from trainer.run_folder import building, writing
from trainer.samples import CALIBRATION_LIMIT, GOLDEN_LIMIT, packed
from trainer.settings import Resolved, TrainConfig, resolve, to_toml


class Trained(msgspec.Struct, frozen=True, kw_only=True):
    """What `edgeferry train --json` prints."""

    run: str
    name: str
    accuracy: float
    macro_f1: float
    test_pictures: int
    train_pictures: int
    epochs: int
    seconds: float
    pictures_per_s: float
    parameters: int
    seed: int
    threads: int
    weights: str
    dataset: str
    left_out: int
    unreadable: int


def train(text: str, out: Path, config: TrainConfig, *, force: bool, progress: Progress) -> Trained:
    """Train on the pictures `text` names and leave a run in `out`; every error is raised before `out` exists."""
    with building(out, force=force) as folder:
        progress.say(f"Reading {text}")
        data, settings = _prepared(text, slug(out.resolve().name), config)
        progress.say(_plan(data, settings))
        framework.prepare(threads=settings.training.threads, seed=settings.seed)
        record = _trained(folder, data, settings, progress)
        _write_record(folder, data, record)
    return _summary(out, record)


def _prepared(text: str, name: str, config: TrainConfig) -> tuple[Prepared, Resolved]:
    origin = open_origin(text)
    prep = config.preprocessing or origin.suggestion.preprocessing
    data = prepare(origin, prep, seed=config.seed, settings=config.data)
    pictures = len(data.splits["train"])
    return data, resolve(config, name=name, suggestion=origin.suggestion, train_pictures=pictures)


def _trained(folder: Path, data: Prepared, settings: Resolved, progress: Progress) -> Record:
    """Train, save, and measure what was saved; leaves model and reference in `folder`."""
    from trainer.fitting import fit
    from trainer.inference import save_keras
    from trainer.measuring import measure
    from trainer.networks import build_classifier

    model = build_classifier(settings.preprocessing, len(data.labels), settings.network)
    fitted = fit(model, data, settings, progress.epochs(settings.training.epochs))
    with writing(folder):
        save_keras(model, folder / files.MODEL)
    progress.say("Measuring on the test split")
    return measure(folder, data, settings, fitted)


def _write_record(folder: Path, data: Prepared, record: Record) -> None:
    """Everything but the model; `metrics.json` last, for it says that the run is whole."""
    contents = {
        files.CALIBRATION: packed(data.splits["train"], CALIBRATION_LIMIT),
        files.GOLDEN: packed(data.splits["test"], GOLDEN_LIMIT),
        files.DATASET: to_pretty_json(data.record),
        files.SETTINGS: to_toml(record.settings),
        files.CARD: card(record).encode(),
        files.REPORT: report(record).encode(),
        drift.NAME: to_pretty_json(record.reference),
        files.METRICS: to_pretty_json(record.metrics),
    }
    with writing(folder):
        for name, content in contents.items():
            (folder / name).write_bytes(content)


def _plan(data: Prepared, settings: Resolved) -> str:
    counts = ", ".join(f"{len(pictures)} {name}" for name, pictures in data.splits.items())
    width, height = settings.preprocessing.size_wh
    return (
        f"Training {settings.name} on {counts} pictures of {len(data.labels)} classes, {width}x{height} "
        f"{settings.preprocessing.colour}, up to {settings.training.epochs} epochs"
    )


def _summary(out: Path, record: Record) -> Trained:
    metrics, dataset = record.metrics, record.dataset
    return Trained(
        run=str(out),
        name=record.settings.name,
        accuracy=metrics.test.accuracy,
        macro_f1=metrics.test.macro_f1,
        test_pictures=metrics.test.pictures,
        train_pictures=dataset.splits["train"].pictures,
        epochs=metrics.epochs,
        seconds=metrics.seconds,
        pictures_per_s=metrics.pictures_per_s,
        parameters=metrics.parameters,
        seed=record.settings.seed,
        threads=metrics.threads,
        weights=metrics.weights,
        dataset=dataset.digest,
        left_out=len(dataset.left_out),
        unreadable=len(dataset.unreadable),
    )
