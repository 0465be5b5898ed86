"""Training from a path to a run: what stands in it is true, and the same settings give the same weights."""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import pytest

from contract import run as files
from contract.errors import ConfigError, GoalError
from contract.reference import NAME as REFERENCE
from contract.reference import Reference
from contract.run import Dataset, Metrics
from tests.conftest import edgeferry
from tests.trainer.drawn_pictures import draw
from trainer.data.dataset import prepare
from trainer.data.origin import open_origin
from trainer.progress import Silent
from trainer.run_folder import open_run
from trainer.settings import load_config
from trainer.training import train


def read(run: Path, name: str) -> bytes:
    return (run / name).read_bytes()


def test_every_file_of_a_run_is_there_and_nothing_else(digits_run: Path) -> None:
    names = {
        files.MODEL, files.METRICS, files.DATASET, files.CALIBRATION, files.GOLDEN, files.REFERENCE, files.REPORT,
        files.CARD, files.SETTINGS, files.MLBOM,
    }  # fmt: skip
    assert {file.name for file in digits_run.iterdir()} == names
    assert [path.name for path in digits_run.parent.iterdir()] == ["digits"]


def test_a_short_training_on_the_digits_learns_them(digits_run: Path) -> None:
    metrics = msgspec.json.decode(read(digits_run, files.METRICS), type=Metrics)
    assert metrics.test.accuracy > 0.95  # measured: 0.98 after the fixture's 6 epochs
    assert metrics.epochs == 6
    assert sum(map(sum, metrics.test.confusion)) == metrics.test.pictures


def test_the_files_are_what_the_contract_says(digits_run: Path) -> None:
    dataset = msgspec.json.decode(read(digits_run, files.DATASET), type=Dataset)
    reference = msgspec.json.decode(read(digits_run, REFERENCE), type=Reference)
    assert list(dataset.splits) == ["train", "validation", "test"]
    assert reference.pictures == dataset.splits["test"].pictures
    with np.load(io.BytesIO(read(digits_run, files.CALIBRATION))) as calibration:
        assert calibration["frames"].shape == (256, 32, 32, 1)
        assert calibration["frames"].dtype == np.uint8
        assert np.bincount(calibration["labels"]).min() >= 25


def test_golden_pictures_are_test_pictures_and_calibration_pictures_are_not(digits_run: Path) -> None:
    run = open_run(digits_run)
    data = prepare(
        open_origin("digits"), run.settings.preprocessing, seed=run.settings.seed, settings=run.settings.data
    )
    seen = {name: {frame.tobytes() for frame in split.frames} for name, split in data.splits.items()}
    for name, split in ((files.GOLDEN, "test"), (files.CALIBRATION, "train")):
        with np.load(digits_run / name) as kept:
            assert {frame.tobytes() for frame in kept["frames"]} <= seen[split]
    assert data.record.digest == run.dataset.digest


TINY = """
name = "tiny"
seed = 11
[preprocessing]
size_wh = [16, 16]
[training]
epochs = 2
threads = 2
[network]
width = 0.5
"""


class Twice(NamedTuple):
    """The same small training in two processes, and what each of them said."""

    runs: tuple[Path, Path]
    in_words: subprocess.CompletedProcess[str]
    as_json: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Twice:
    """One of them is asked for by a file, the other by options that win over another file."""
    root = tmp_path_factory.mktemp("tiny")
    pictures = draw(root / "pictures", {"cat": 15, "dog": 15})
    (root / "train.toml").write_text(TINY)
    (root / "other.toml").write_text(TINY.replace("seed = 11", "seed = 3").replace("epochs = 2", "epochs = 7"))
    one = edgeferry("train", pictures, "--config", root / "train.toml", "--out", root / "one")
    (root / "two.resume").write_bytes(b"what an interrupted training left, and a disk has spoilt")
    options = ("--seed", "11", "--epochs", "2", "--json", "--fresh")
    two = edgeferry("train", pictures, "--config", root / "other.toml", *options, "--out", root / "two")
    return Twice((root / "one", root / "two"), one, two)


def test_equal_settings_give_equal_weights_in_another_process(twice: Twice) -> None:
    one, two = (open_run(run) for run in twice.runs)
    assert one.metrics.weights == two.metrics.weights
    assert one.settings == two.settings
    for name in (files.CALIBRATION, files.GOLDEN, files.DATASET, files.REFERENCE, files.SETTINGS, files.MLBOM):
        assert read(one.path, name) == read(two.path, name), name


def test_metrics_carry_the_course_of_the_training(twice: Twice) -> None:
    metrics = json.loads(read(twice.runs[0], files.METRICS))
    assert {name: len(values) for name, values in metrics["history"].items()} == {
        "loss": 2, "accuracy": 2, "val_loss": 2, "val_accuracy": 2,
    }  # fmt: skip
    assert 1 <= metrics["kept_epoch"] <= 2
    assert metrics["threads"] == 2
    assert "keras" in metrics["software"]


def test_training_speaks_on_standard_error_and_answers_on_standard_output(twice: Twice) -> None:
    said = twice.in_words.stderr.splitlines()
    assert [line.split()[0] for line in said] == ["Reading", "Training", "epoch", "epoch", "Measuring"]
    assert twice.in_words.stdout.startswith("tiny: accuracy ")


def test_with_json_one_object_is_all_that_is_said(twice: Twice) -> None:
    answer = json.loads(twice.as_json.stdout)
    run = open_run(twice.runs[1])
    assert (answer["run"], answer["weights"]) == (str(twice.runs[1]), run.metrics.weights)
    assert answer["accuracy"] == run.metrics.test.accuracy
    assert twice.as_json.stderr == ""


def test_a_run_that_misses_a_goal_is_whole_marked_and_said_by_the_exit_code(tmp_path: Path) -> None:
    pictures = draw(tmp_path / "pictures", {"cat": 15, "dog": 15})
    goals = "[evaluation]\nresamples = 200\n[goals]\naccuracy = 0.1\nlatency_ms.rpi4 = 0.001\n"
    (tmp_path / "train.toml").write_text(TINY.replace("epochs = 2", "epochs = 1") + goals)
    done = edgeferry("train", pictures, "--config", tmp_path / "train.toml", "--out", tmp_path / "run", check=False)
    assert done.returncode == GoalError.exit_code == 11
    assert open_run(tmp_path / "run").settings.goals == {"accuracy": 0.1, "latency_ms": {"rpi4": 0.001}}
    metrics = json.loads(read(tmp_path / "run", files.METRICS))
    assert metrics["goals"] == "missed"
    lines = {line["key"]: line["verdict"] for line in metrics["evaluation"]["goals"]["lines"]}
    assert lines == {"accuracy": "met", "latency_ms.rpi4": "missed"}
    assert metrics["predicted"]["rpi4"]["latency_ms"] > 0.001
    assert "goals: missed" in done.stdout


@pytest.mark.parametrize("goal", ["accuracy = 1.2", "recall.cow = 0.9", "latency_ms.rpi9 = 3", "map50 = 0.5"])
def test_goals_nothing_could_meet_are_refused_before_training(tmp_path: Path, goal: str) -> None:
    origin = str(draw(tmp_path / "pictures", {"cat": 3, "dog": 3}))
    config = load_config(None)
    key, value = (part.strip() for part in goal.split("="))
    config = msgspec.structs.replace(config, goals={key: float(value)})
    with pytest.raises(ConfigError, match="goals: "):
        train(origin, tmp_path / "run", config, force=False, progress=Silent())
    assert not (tmp_path / "run").exists()
