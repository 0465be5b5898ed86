"""A run in a real MLflow store, read back."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import LinkError
from trainer.tracking import log_run

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


def test_a_store_that_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    (tmp_path / "file").write_text("")
    with pytest.raises(LinkError, match="MLflow refused the run"):
        log_run(f"{(tmp_path / 'file').as_uri()}", name="parts", settings={}, metrics={})
