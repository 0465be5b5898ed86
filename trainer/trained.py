"""What is written and said of a finished training, whichever task it learnt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from contract import reference as drift
from contract import run as files
from contract.codec import to_pretty_json
from trainer.detection.record import AnyRecord
from trainer.mlbom import mlbom
from trainer.run_folder import write_files
from trainer.settings import to_toml


class TrainedRun(msgspec.Struct, frozen=True, kw_only=True):
    """The part of what `edgeferry train --json` prints that every task has."""

    run: str
    name: str
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


def facts(out: Path, record: AnyRecord) -> dict[str, Any]:
    """The fields of `TrainedRun` for the run in `out`."""
    metrics, dataset = record.metrics, record.dataset
    return {
        "run": str(out),
        "name": record.settings.name,
        "test_pictures": metrics.test.pictures,
        "train_pictures": dataset.splits["train"].pictures,
        "epochs": metrics.epochs,
        "seconds": metrics.seconds,
        "pictures_per_s": metrics.pictures_per_s,
        "parameters": metrics.parameters,
        "seed": record.settings.seed,
        "threads": metrics.threads,
        "weights": metrics.weights,
        "dataset": dataset.digest,
        "left_out": len(dataset.left_out),
        "unreadable": len(dataset.unreadable),
    }


def write_record(folder: Path, record: AnyRecord, *, calibration: bytes, golden: bytes, card: str, report: str) -> None:
    """Everything but the model; `metrics.json` last, for it says that the run is whole."""
    contents = {
        files.CALIBRATION: calibration,
        files.GOLDEN: golden,
        files.DATASET: to_pretty_json(record.dataset),
        files.SETTINGS: to_toml(record.settings),
        files.CARD: card.encode(),
        files.REPORT: report.encode(),
        files.MLBOM: mlbom(record),
        drift.NAME: to_pretty_json(record.reference),
        files.METRICS: to_pretty_json(record.metrics),
    }
    write_files(folder, contents)
