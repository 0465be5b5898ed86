"""A small detector trained on: what is added, what stays, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from contract.errors import DataError, ModelError
from tests.trainer.detection.drawn_boxes import drawn_on_disk
from tests.trainer.retraining.test_retrain import called
from tests.trainer.tensorflow_marks import WITH_TENSORFLOW
from trainer.retraining.boxed_pictures import BOXED_PICTURES
from trainer.retraining.old_data import dataset_record, old_data, remembered_data
from trainer.run_folder import open_run

TINY = """
task = "detect"
seed = 2
[preprocessing]
size_wh = [64, 48]
resize = "letterbox"
[training]
epochs = 8
batch = 8
[network]
width = 0.5
[augmentation]
shift = 0.1
zoom = 0.1
flip = true
"""
pytestmark = WITH_TENSORFLOW


@pytest.fixture(scope="module")
def base(tensorflow: None, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001  prepares TensorFlow
    """A detector of squares and discs, its pictures beside it; some ten seconds."""
    root = tmp_path_factory.mktemp("retraining")
    boxes = drawn_on_disk(root / "old", [("train", 96), ("validation", 16), ("test", 32)])
    (root / "train.toml").write_text(TINY)
    code, said = called(boxes, "--config", root / "train.toml", "--out", root / "base", "--quiet")
    assert code == 0, said
    return root / "base"


def tiles(root: Path, pictures: int, *, seed: int) -> Path:
    """Pictures in which squares are blue and called tiles, on six days; the table of their boxes."""
    table = drawn_on_disk(root, [(None, pictures)], seed=seed)
    for file in root.rglob("*.png"):
        pixels = cv2.imread(str(file))
        assert pixels is not None
        assert cv2.imwrite(str(file), np.ascontiguousarray(pixels[..., ::-1]))
    head, *lines = table.read_text().replace(",square,", ",tile,").splitlines()
    rows = [f"{line},cam-{int(line[4:7]) % 2},{int(line[4:7]) % 6}" for line in lines]
    table.write_text("\n".join((f"{head},device,group", *rows)) + "\n")
    return table


@pytest.fixture(scope="module")
def trained_on(base: Path) -> Path:
    """That run with more discs, and with tiles, which it did not know."""
    root = base.parent
    more = tiles(root / "more", 72, seed=5)
    (root / "fast.toml").write_text("[retraining]\nlearning_rate = 0.003\nepochs = 4\n")
    code, said = called("--base", base, "--add", more, "--config", root / "fast.toml", "--out", root / "next", "--json")
    assert code == 0, said
    told = json.loads(said)
    assert (told["verdict"], told["added"], told["known"]) == ("accepted", 72, 0)
    assert (told["task"], told["epochs"]) == ("detect", 4)
    return root / "next"


def found_in(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "comparison.json").read_bytes())
    return found


def test_the_old_test_pictures_are_the_very_ones_and_the_lineage_names_the_base(base: Path, trained_on: Path) -> None:
    before, record = open_run(base), dataset_record(open_run(trained_on))
    assert record.base is not None
    assert (record.base.weights, record.base.warm) == (before.measured.weights, True)
    (added,) = record.added
    assert (added.pictures, added.groups, record.labels) == (72, 6, ("disc", "square", "tile"))
    whole = old_data(open_run(trained_on), None, BOXED_PICTURES)  # the base's data and the added, put together again
    assert whole.record.digest == record.digest
    assert whole.record.boxes["train"]["tile"] > 0
    assert whole.splits["test"].names[:32] == old_data(before, None, BOXED_PICTURES).splits["test"].names


def test_a_group_stands_in_one_split(trained_on: Path) -> None:
    whole = old_data(open_run(trained_on), None, BOXED_PICTURES)
    days = {
        split: {int(name[-7:-4]) % 6 for name in pictures.names if "more" in name}
        for split, pictures in whole.splits.items()
    }
    assert sorted(day for some in days.values() for day in some) == [0, 1, 2, 3, 4, 5]
    assert all(days.values())


def test_both_models_are_compared_on_both_test_sets(trained_on: Path) -> None:
    found = found_in(trained_on)
    assert found["verdict"] == "accepted"
    old, new = found["sets"]
    assert [part["name"] for part in old["parts"]] == ["all", "class disc", "class square"]
    names = [part["name"] for part in new["parts"]]
    assert names[:3] == ["all", "class disc", "class tile"]
    assert names[3:] in (["device cam-0", "device cam-1"], ["device cam-0"], ["device cam-1"])
    tile = new["parts"][2]
    assert (tile["before"], tile["boxes"] > 0) == (0.0, True)
    low, high = old["map50_95"]["interval"]
    assert low <= old["map50_95"]["difference"] <= high
    metrics = json.loads((trained_on.parent / "base" / "metrics.json").read_bytes())
    assert old["map50_95"]["a"] == pytest.approx(metrics["test"]["map50_95"])  # the base as it was measured then
    assert "new classes, which the base cannot know: tile" in found["notes"]
    for name in ("card.md", "report.html"):
        assert "Compared with" in (trained_on / name).read_text()


def test_what_was_trained_on_can_be_trained_on_again(trained_on: Path, tmp_path: Path) -> None:
    more = tiles(tmp_path / "again", 24, seed=9)
    shutil.copy(trained_on.parent / "old" / "test" / "000.png", tmp_path / "again" / "all" / "000.png")
    code, said = called(
        "--base", trained_on, "--add", more, "--epochs", "1", "--out", tmp_path / "run", "--json", "--keep-refused"
    )
    told = json.loads(said)
    assert code == (0 if told["verdict"] == "accepted" else ModelError.exit_code)
    assert (told["added"], told["known"]) == (23, 1)  # a picture of the old test split is never trained on
    assert [one.pictures for one in dataset_record(open_run(tmp_path / "run")).added] == [72, 23]


def test_a_model_that_is_worse_is_refused(base: Path, tmp_path: Path) -> None:
    """A rate that shakes off all the base knew."""
    table = drawn_on_disk(tmp_path / "more", [(None, 20)], seed=4)
    (tmp_path / "wild.toml").write_text("[retraining]\nlearning_rate = 0.3\nepochs = 1\n")
    command = ("--base", base, "--add", table, "--config", tmp_path / "wild.toml", "--without-old-data", "--out")
    code, said = called(*command, tmp_path / "next", "--keep-refused", "--json")
    told = json.loads(said)
    assert (code, told["verdict"]) == (ModelError.exit_code, "refused")
    assert told["reasons"][0].startswith("all on the old test set fell from")
    assert told["old_test"][0] > told["old_test"][1]
    assert found_in(tmp_path / "next")["verdict"] == "refused"
    assert any("golden.npz" in note for note in told["notes"])


def test_what_a_run_keeps_of_its_pictures_stands_in_for_them(base: Path) -> None:
    run = open_run(base)
    kept, whole = remembered_data(run, BOXED_PICTURES), old_data(run, None, BOXED_PICTURES)
    assert {name: len(pictures) for name, pictures in kept.splits.items()} == {
        "train": 96, "validation": 0, "test": 32,
    }  # fmt: skip
    assert kept.record.boxes["test"] == whole.record.boxes["test"]
    np.testing.assert_array_equal(kept.splits["test"].frames, whole.splits["test"].frames)
    np.testing.assert_array_equal(kept.splits["test"].marked[5].boxes, whole.splits["test"].marked[5].boxes)


def test_a_new_class_leaves_the_scores_of_known_ones_as_they_were(base: Path) -> None:
    from trainer.retraining.warm_start import base_model, warm_detector

    run = open_run(base)
    with np.load(run.path / "golden.npz") as golden:
        pictures = golden["frames"][:4].astype(np.float32) / 255
    before, after = (model(pictures, training=False) for model in (base_model(run), warm_detector(run, 3)))
    assert after["scores"].shape == (4, 48, 3)
    np.testing.assert_allclose(after["scores"][..., :2], before["scores"], atol=1e-5)
    np.testing.assert_allclose(after["boxes"], before["boxes"], atol=1e-5)
    assert float(np.max(after["scores"][..., 2])) < 0.0
    assert warm_detector(run, 2).output["scores"].shape[-1] == 2


def test_data_that_changed_is_one_sentence(base: Path, tmp_path: Path) -> None:
    other = drawn_on_disk(tmp_path / "other", [("train", 20), ("validation", 4), ("test", 4)], seed=8)
    with pytest.raises(DataError, match=r"not those .* train, validation, test differ"):
        old_data(open_run(base), str(other), BOXED_PICTURES)
    pictures = base.parent / "old" / "train"
    code, said = called("--base", base, "--add", pictures, "--out", tmp_path / "run")
    assert (code, "no class folders" in said) == (DataError.exit_code, True)
