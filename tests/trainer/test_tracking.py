"""A run in a real MLflow store, read back."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from msgspec.structs import replace

from contract.errors import LinkError
from contract.run import CARD, METRICS, REPORT, SETTINGS
from tests.trainer.detection.test_report_sections import record as detector_record
from trainer.tracking import log_record, log_run

pytestmark = pytest.mark.filterwarnings("ignore")  # mlflow's own, about its stores


def test_a_run_is_written_with_settings_figures_and_files(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    uri = (tmp_path / "store").as_uri()
    report = tmp_path / "report.html"
    report.write_text("<p>")
    number = log_run(
        uri,
        name="parts",
        settings={"seed": 3, "training": {"epochs": 2}},
        metrics={"test_accuracy": 0.9},
        history={"loss": (1.0, 0.5)},
        files=[report],
    )
    client = mlflow.MlflowClient(tracking_uri=uri)
    run = client.get_run(number)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"seed": "3", "training.epochs": "2"}
    assert run.data.metrics == {"test_accuracy": 0.9, "loss": 0.5}
    assert [one.value for one in client.get_metric_history(number, "loss")] == [1.0, 0.5]
    assert [file.path for file in client.list_artifacts(number)] == ["report.html"]


def test_a_detector_is_written_with_its_map_and_what_was_seen_on_the_way(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    uri = (tmp_path / "store").as_uri()
    for name in (SETTINGS, METRICS, REPORT, CARD):
        (tmp_path / name).write_text("")
    seen = replace(detector_record().metrics, looks=((1, 0.1), (3, 0.39)))
    number = log_record(uri, tmp_path, dataclasses.replace(detector_record(), metrics=seen))
    client = mlflow.MlflowClient(tracking_uri=uri)
    run = client.get_run(number)
    assert run.data.metrics == {"test_map50_95": 0.432, "test_map50": 0.765, "loss": 1.5, "val_map": 0.39}
    assert [(one.step, one.value) for one in client.get_metric_history(number, "val_map")] == [(1, 0.1), (3, 0.39)]
    assert {file.path for file in client.list_artifacts(number)} == {SETTINGS, METRICS, REPORT, CARD}


def test_a_store_that_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    (tmp_path / "file").write_text("")
    with pytest.raises(LinkError, match="MLflow refused the run"):
        log_run(f"{(tmp_path / 'file').as_uri()}", name="parts", settings={}, metrics={})
