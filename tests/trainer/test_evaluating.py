"""A run and the bundle made of it, measured on the same pictures."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest

from contract.errors import BundleError, DataError, ModelError
from tests.conftest import edgeferry
from tests.trainer.drawn_pictures import draw
from tests.trainer.tensorflow_marks import WITH_TENSORFLOW
from trainer.evaluating import evaluate
from trainer.origin import open_origin
from trainer.run_folder import open_run

pytestmark = WITH_TENSORFLOW


def test_a_run_repeats_the_scores_of_its_training(digits_run: Path) -> None:
    answer = evaluate(digits_run, "digits", split="auto", seed=None, skip_unreadable=False)
    assert (answer.kind, answer.split, answer.held_back) == ("run", "test", True)
    assert answer.scores == open_run(digits_run).metrics.test


def test_the_command_prints_one_object_or_a_table(digits_bundles: dict[str, Path]) -> None:
    command = ("evaluate", digits_bundles["rpi4"], "digits", "--seed", "7")
    answer = json.loads(edgeferry(*command, "--json").stdout)
    assert (answer["release"], answer["split"], answer["scores"]["pictures"]) == ("digits@1", "test", 359)
    words = edgeferry(*command).stdout.splitlines()
    assert words[0].startswith("digits@1 (bundle) on digits, test: 359 pictures, held back from training")
    assert len(words) == 3 + 10


@pytest.mark.parametrize("profile", ["rpi4", "jetson-orin-jp6"])
def test_a_bundle_is_measured_as_a_device_runs_it(digits_bundles: dict[str, Path], profile: str) -> None:
    answer = evaluate(digits_bundles[profile], "digits", split="auto", seed=7, skip_unreadable=False)
    assert (answer.kind, answer.release, answer.split, answer.held_back) == ("bundle", "digits@1", "test", True)
    assert answer.scores.accuracy > 0.93  # the fixture's model has 0.98, int8 may cost two points


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
