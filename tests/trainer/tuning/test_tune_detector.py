"""A search for a detector, as a person types it, from marked pictures to the trained best."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from contract.run import METRICS, DetectionMetrics
from tests.conftest import edgeferry
from tests.trainer.detection.drawn_boxes import drawn_on_disk
from trainer.run_folder import open_run
from trainer.settings import load_config
from trainer.tuning.outcome import TrialRecord

TOML = """
[preprocessing]
size_wh = [64, 48]
resize = "letterbox"
[training]
epochs = 1
batch = 8
"""


def test_the_best_detector_of_a_search_is_trained(tmp_path: Path) -> None:
    pictures = drawn_on_disk(tmp_path / "pictures", [("train", 32), ("validation", 6), ("test", 6)])
    (tmp_path / "train.toml").write_text(TOML)
    out = tmp_path / "tuned"
    options = ("--task", "detect", "--budget", "rpi4:300KB", "--trials", "2", "--epochs", "2", "--train-best")
    printed = edgeferry("tune", pictures, "--config", tmp_path / "train.toml", "--out", out, *options, "--json").stdout
    said = json.loads(printed)
    assert (said["complete"], said["failed"]) == (2, 0)
    trials = msgspec.json.decode((out / "trials.json").read_bytes(), type=list[TrialRecord])
    assert all(set(trial.params) == {"width", "mosaic", "size", "augmentation", "learning_rate"} for trial in trials)
    assert all((trial.predicted["rpi4"].size_bytes > 300_000) == (trial.state == "over budget") for trial in trials)
    assert [len(trial.course) for trial in trials if trial.state == "complete"] == [2, 2]  # a look an epoch
    settings = load_config(out / "train.toml")
    assert (settings.task, settings.network.width) == ("detect", said["best"]["params"]["width"])
    run = Path(said["run"])
    assert open_run(run).settings.network == settings.network
    metrics = msgspec.json.decode((run / METRICS).read_bytes(), type=DetectionMetrics)
    assert metrics.epochs == 1
    assert "MAP50-95 against latency" in (out / "tune.html").read_text().replace("mAP", "MAP")
