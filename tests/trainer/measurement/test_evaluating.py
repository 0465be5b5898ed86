"""A run and the bundle made of it, measured on the same pictures."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from contract.errors import BundleError, DataError, GoalError, ModelError
from tests.conftest import edgeferry
from tests.trainer.drawn_pictures import draw
from tests.trainer.tensorflow_marks import WITH_TENSORFLOW
from trainer.data.origin import open_origin
from trainer.measurement.classifiers import open_classifier
from trainer.measurement.evaluating import evaluate
from trainer.measurement.own_evaluation import own_evaluation
from trainer.run_folder import open_run

pytestmark = WITH_TENSORFLOW


def test_a_run_repeats_the_scores_of_its_training(digits_run: Path) -> None:
    answer = evaluate(digits_run, "digits", split="auto", seed=None, skip_unreadable=False)
    assert (answer.kind, answer.split, answer.held_back) == ("run", "test", True)
    run = open_run(digits_run)
    assert answer.scores == run.metrics.test
    assert answer.evaluation == own_evaluation(run)
    assert answer.evaluation.calibration.fitted_on == run.dataset.splits["validation"].pictures


def test_the_command_prints_one_object_or_a_table(digits_bundles: dict[str, Path]) -> None:
    command = ("evaluate", digits_bundles["rpi4"], "digits", "--seed", "7")
    answer = json.loads(edgeferry(*command, "--json").stdout)
    assert (answer["release"], answer["split"], answer["scores"]["pictures"]) == ("digits@1", "test", 359)
    words = edgeferry(*command).stdout.splitlines()
    assert words[0].startswith("digits@1 (bundle) on digits, test: 359 pictures, held back from training")
    assert [line.split()[0] for line in words[1:6]] == ["accuracy", "top-2", "calibration", "lowest", "class"]
    assert len(words) == 6 + 10


@pytest.mark.parametrize("profile", ["rpi4", "jetson-orin-jp6"])
def test_a_bundle_is_measured_as_a_device_runs_it(digits_bundles: dict[str, Path], profile: str) -> None:
    answer = evaluate(digits_bundles[profile], "digits", split="auto", seed=7, skip_unreadable=False)
    assert (answer.kind, answer.release, answer.split, answer.held_back) == ("bundle", "digits@1", "test", True)
    assert answer.scores.accuracy > 0.93  # the fixture's model has 0.98, int8 may cost two points
    figures, calibration = answer.evaluation.figures, answer.evaluation.calibration
    assert figures["accuracy"].value == answer.scores.accuracy
    assert figures["auroc"].value > 0.99
    assert calibration.temperature is not None  # fitted on the validation split, through the bundle itself
    assert calibration.fitted_on == 143


def test_every_score_of_a_bundle_is_what_the_device_ranks(digits_bundles: dict[str, Path]) -> None:
    frames = np.stack([scan.read()[..., :1] for scan in open_origin("digits").pictures[:20]])
    for bundle in digits_bundles.values():
        model = open_classifier(bundle)
        width, height = model.preprocessing.size_wh
        fitted = np.stack([cv2.resize(frame, (width, height)).reshape(height, width, 1) for frame in frames])
        scores, answers = model.scored(fitted)
        assert scores.shape == (20, 10)
        assert scores.sum(axis=1) == pytest.approx(np.ones(20), abs=0.05)
        assert answers.tolist() == model.answers(fitted).tolist()
        assert (scores[np.arange(20), answers] == scores.max(axis=1)).all()


def test_goals_and_slices_of_a_bundle_come_from_a_file(digits_bundles: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "goals.toml").write_text("[evaluation]\nresamples = 200\n[goals]\naccuracy = 0.5\nsize_mb = 0.001\n")
    command = ("evaluate", digits_bundles["rpi4"], "digits", "--seed", "7", "--config", tmp_path / "goals.toml")
    done = edgeferry(*command, "--json", "--report", tmp_path / "page.html", check=False)
    assert done.returncode == GoalError.exit_code
    goals = json.loads(done.stdout)["evaluation"]["goals"]
    assert [line["verdict"] for line in goals["lines"]] == ["met", "missed"]
    assert "Truth against answer" in (tmp_path / "page.html").read_text()
    refused = edgeferry(*command[:-2], "--slices", "camera", check=False)
    assert refused.returncode == 2
    assert "no column 'camera'" in refused.stderr


def test_without_the_seed_a_bundle_is_measured_on_everything(digits_bundles: dict[str, Path]) -> None:
    answer = evaluate(digits_bundles["rpi4"], "digits", split="auto", seed=None, skip_unreadable=False)
    assert (answer.split, answer.held_back, answer.scores.pictures) == ("all", None, 1797)


def test_folders_may_name_some_of_the_labels_in_any_order(digits_bundles: dict[str, Path], tmp_path: Path) -> None:
    scans = open_origin("digits").pictures
    for label in (7, 3):
        (tmp_path / str(label)).mkdir()
        for scan in [scan for scan in scans if scan.label == label][:12]:
            assert cv2.imwrite(str(tmp_path / str(label) / f"{scan.name}.png"), scan.read())
    answer = evaluate(digits_bundles["rpi4"], str(tmp_path), split="auto", seed=None, skip_unreadable=False)
    assert answer.scores.accuracy > 0.9
    assert {row.label: row.pictures for row in answer.scores.per_class if row.pictures} == {"3": 12, "7": 12}


def test_pictures_of_something_else_are_refused_by_name(digits_run: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="knows no cat, dog"):
        evaluate(digits_run, str(draw(tmp_path, {"cat": 2, "dog": 2})), split="auto", seed=None, skip_unreadable=False)


def test_what_is_neither_run_nor_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a run folder"):
        evaluate(tmp_path, "digits", split="auto", seed=None, skip_unreadable=False)
    (tmp_path / "x.bundle").write_bytes(b"PK\3\4 not really")
    with pytest.raises(BundleError):
        evaluate(tmp_path / "x.bundle", "digits", split="auto", seed=None, skip_unreadable=False)
