"""A real search on the digits, killed in the middle and started again."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from tests.conftest import ROOT, edgeferry
from trainer.settings import load_config
from trainer.tuning.outcome import TrialRecord

OPTIONS = ("--budget", "rpi4:4ms,300KB", "--trials", "2", "--epochs", "2", "--seed", "3", "--pruner", "none")


def states(database: Path) -> list[str]:
    with sqlite3.connect(database) as read:
        return [state for (state,) in read.execute("select state from trials order by number")]


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Killed while a trial runs, then started again with the same options."""
    out = tmp_path_factory.mktemp("tune") / "digits"
    command = [sys.executable, "-m", "edgeferry", "tune", "digits", "--out", str(out), *OPTIONS]
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL
    )
    until = time.monotonic() + 300
    while time.monotonic() < until and process.poll() is None:
        if (out / "study.db").exists() and _trains(out / "study.db"):
            break
        time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert "RUNNING" in states(out / "study.db")
    said = edgeferry("tune", "digits", "--out", out, *OPTIONS, "--json")
    (out / "said.json").write_text(said.stdout)
    return out


def _trains(database: Path) -> bool:
    """Whether a trial was drawn to its end: its predictions are kept last."""
    try:
        with sqlite3.connect(database) as read:
            running = "select trial_id from trials where state = 'RUNNING'"
            query = f"select count(*) from trial_user_attributes where key = 'config' and trial_id in ({running})"
            return bool(read.execute(query).fetchone()[0])
    except sqlite3.OperationalError:
        return False


def test_an_interrupted_trial_is_failed_and_repeated(searched: Path) -> None:
    found = msgspec.json.decode((searched / "trials.json").read_bytes(), type=list[TrialRecord])
    interrupted = [trial for trial in found if trial.state == "interrupted"]
    assert len(interrupted) == 1
    repeated = [trial for trial in found if trial.repeats == interrupted[0].number]
    assert [trial.params for trial in repeated] == [interrupted[0].params]
    assert sum(trial.counts for trial in found) == 2


def test_every_trial_that_was_trained_is_within_the_budget_and_refused_ones_were_not(searched: Path) -> None:
    for trial in msgspec.json.decode((searched / "trials.json").read_bytes(), type=list[TrialRecord]):
        over = trial.predicted["rpi4"].surely_ms > 4 or trial.predicted["rpi4"].size_bytes > 300_000
        assert over == (trial.state == "over budget")
        assert bool(trial.cause) or not over
        assert trial.epochs == (2 if trial.state == "complete" else 0)


def test_the_best_can_be_trained_and_everything_is_told(searched: Path) -> None:
    said = json.loads((searched / "said.json").read_text())
    assert said["complete"] == 2
    assert said["best"]["accuracy"] > 0.2
    config = load_config(searched / "train.toml")
    assert config.network.chosen
    assert config.network.width == said["best"]["params"]["width"]
    assert config.training.epochs is None
    assert "<svg" in (searched / "tune.html").read_text()
    assert said["command"].startswith("edgeferry train digits --config ")


def test_a_search_without_a_limit_is_refused(tmp_path: Path) -> None:
    failed = edgeferry("tune", "digits", "--out", tmp_path / "x", check=False)
    assert failed.returncode == 2
    assert "needs a limit" in failed.stderr
