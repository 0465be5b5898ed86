"""A training for a device: what it chose, that the run keeps it, and what it says it would cost."""

from __future__ import annotations

import json
from pathlib import Path

from tests.conftest import edgeferry
from tests.trainer.drawn_pictures import draw
from trainer.run_folder import open_run


def test_a_training_with_a_budget_chooses_keeps_and_foretells(tmp_path: Path) -> None:
    pictures = draw(tmp_path / "pictures", {"cat": 12, "dog": 12})
    config = tmp_path / "train.toml"
    config.write_text("[preprocessing]\nsize_wh = [16, 16]\n[training]\nthreads = 2\n")
    out = tmp_path / "run"
    said = edgeferry("train", pictures, "--config", config, "--epochs", "1", "--budget", "rpi4:50ms,60KB", "--out", out)
    assert "Chosen for rpi4: residual of width" in said.stderr
    settings = open_run(out).settings
    assert settings.network.chosen
    assert [budget.size_bytes for budget in settings.budget] == [60_000]
    predicted = json.loads((out / "metrics.json").read_text())["predicted"]["rpi4"]
    assert predicted["size_bytes"] <= 60_000
    assert predicted["low"] < predicted["latency_ms"] < predicted["high"]
    assert predicted["measured"] is None
    assert "What it would cost" in (out / "report.html").read_text()


def test_a_budget_nothing_fits_leaves_no_run(tmp_path: Path) -> None:
    pictures = draw(tmp_path / "pictures", {"cat": 3, "dog": 3})
    out = tmp_path / "run"
    refused = edgeferry("train", pictures, "--budget", "rpi4:1KB", "--out", out, check=False)
    assert refused.returncode == 2
    assert "the nearest is residual of width 0.25" in refused.stderr
    assert not out.exists()
