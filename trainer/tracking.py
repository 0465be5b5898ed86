"""Runs and searches written to an MLflow server or folder as well, for those who keep theirs there already.

The run folder stays the record; MLflow gets a copy of figures, settings and pages. mlflow-skinny is imported only when
a URI is given.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from contract.errors import LinkError, MissingPartError
from contract.run import CARD, METRICS, REPORT, SETTINGS
from trainer.detection.record import AnyRecord, DetectorRecord
from trainer.settings import TrackingSettings

EXPERIMENT = "edgeferry"
_LONGEST = 500
"""Characters of a parameter: what every MLflow store takes."""


def available() -> Any:
    """mlflow; MissingPartError where it is not installed: asked before hours of training are spent."""
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    try:
        import mlflow
    except ModuleNotFoundError as missing:
        raise MissingPartError(
            f"{missing.name!r} is not installed", where="--mlflow", fix="Run: pip install 'edgeferry[mlflow]'"
        ) from missing
    return mlflow


def log_run(
    uri: str,
    *,
    name: str,
    settings: Mapping[str, Any],
    metrics: Mapping[str, float],
    history: Mapping[str, Sequence[float | None]] | None = None,
    files: Sequence[Path] = (),
    tags: Mapping[str, str] | None = None,
) -> str:
    """Write one run to `uri`, and give its id; LinkError where the server or the store refuses.

    `settings` may nest: `training.epochs` is what a key within a key is called. `history` has a value an epoch, None
    where nothing was measured.
    """
    mlflow = available()
    try:
        client = mlflow.MlflowClient(tracking_uri=uri)
        experiment = client.get_experiment_by_name(EXPERIMENT)
        number = experiment.experiment_id if experiment else client.create_experiment(EXPERIMENT)
        run: str = client.create_run(number, run_name=name, tags=dict(tags or {})).info.run_id
        for key, value in _flat(settings):
            client.log_param(run, key, str(value)[:_LONGEST])
        for key, figure in metrics.items():
            client.log_metric(run, key, figure)
        for key, values in (history or {}).items():
            for epoch, value in enumerate(values, 1):
                if value is not None:
                    client.log_metric(run, key, value, step=epoch)
        for file in files:
            client.log_artifact(run, str(file))
        client.set_terminated(run)
    except (mlflow.exceptions.MlflowException, OSError) as problem:
        raise LinkError(
            f"MLflow refused the run: {str(problem).splitlines()[0]}", where=uri, fix="Check the address of --mlflow."
        ) from problem
    return run


def wanted(given: str | None, settings: TrackingSettings) -> str:
    """The URI to write to, of the command line or of the settings; MissingPartError where MLflow is not there."""
    uri = given or settings.mlflow
    if uri:
        available()
    return uri


def log_record(uri: str, run: Path, record: AnyRecord) -> str:
    """A finished training in `run`."""
    metrics = record.metrics
    figures = _figures(record)
    for name, found in metrics.predicted.items():
        figures[f"predicted_ms.{name}"] = found.latency_ms
    return log_run(
        uri,
        name=record.settings.name,
        settings=msgspec.to_builtins(record.settings),
        metrics=figures,
        history=_history(record),
        files=[run / name for name in (SETTINGS, METRICS, REPORT, CARD)],
        tags={"weights": metrics.weights, "dataset": record.dataset.digest},
    )


def _figures(record: AnyRecord) -> dict[str, float]:
    if isinstance(record, DetectorRecord):
        found = record.metrics.test
        return {"test_map50_95": found.map50_95, "test_map50": found.map50}
    return {"test_accuracy": record.metrics.test.accuracy, "test_macro_f1": record.metrics.test.macro_f1}


def _history(record: AnyRecord) -> Mapping[str, Sequence[float | None]]:
    if not isinstance(record, DetectorRecord):
        return record.metrics.history
    metrics, looks = record.metrics, dict(record.metrics.looks)
    return {"loss": metrics.loss, "val_map": [looks.get(epoch) for epoch in range(1, metrics.epochs + 1)]}


def _flat(settings: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in settings.items():
        name = f"{before}{key}"
        found += _flat(value, f"{name}.") if isinstance(value, Mapping) else [(name, value)]
    return found
