"""Kept frames become a folder to label: every picture once, with a guess, and nothing passed off as a label."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from contract.errors import ConfigError, DataError
from contract.result import Detection
from tests.conftest import edgeferry
from tests.trainer.drawn_pictures import write
from tests.trainer.kept_pictures import keep
from trainer.retraining.labelling import label_folder


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "pictures.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_sure_guesses_have_a_folder_each_and_the_others_one(tmp_path: Path) -> None:
    kept = tmp_path / "cam-1"
    keep(kept, 1, why="crossed-gate")
    keep(kept, 2, (("cat", 0.51), ("dog", 0.49)))
    keep(kept, 3, result=False)
    made = label_folder([kept], tmp_path / "out", None)
    assert (made.task, made.pictures, made.unsure, made.guesses) == ("classify", 3, 2, {"": 1, "cat": 2})
    folders = sorted(path.parent.name for path in (tmp_path / "out").rglob("*.png"))
    assert folders == ["_unsure", "_unsure", "cat"]
    first = rows(tmp_path / "out")[0]
    assert first == {
        "path": "cat/cam-1_20260714T201501.250Z_front-door_crossed-gate_1.png", "guess": "cat", "score": "0.9000",
        "why": "crossed-gate", "device": "cam-1", "source": "front-door", "time": "2026-07-14T20:15:01.250Z",
        "model": "pets@3", "group": "cam-1 2026-07-14",
    }  # fmt: skip
    assert (tmp_path / "out" / first["path"]).read_bytes() == (kept / first["path"][10:]).read_bytes()


def test_copies_are_thinned_and_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    one = keep(tmp_path / "cam-1", 1)
    (tmp_path / "cam-2").mkdir()
    shutil.copy(one, tmp_path / "cam-2" / one.name)
    (tmp_path / "cam-2" / "cut.png").write_bytes(one.read_bytes()[:40])
    made = label_folder([tmp_path / "cam-1", tmp_path / "cam-2"], tmp_path / "out", None)
    assert (made.pictures, made.copies) == (1, 1)
    assert [Path(what.split(":")[0]).name for what in made.unreadable] == ["cut.png"]


def test_near_copies_of_one_device_and_day_are_thinned_and_those_of_another_stay(tmp_path: Path) -> None:
    rough = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    scene = cv2.resize(rough, (64, 64), interpolation=cv2.INTER_CUBIC)
    other = cv2.flip(scene, 0)
    for folder, number, pixels in (("a", 1, scene), ("a", 2, cv2.add(scene, 3)), ("a", 3, other), ("b", 4, scene[1:])):
        write(keep(tmp_path / folder, number, result=False), pixels)
    made = label_folder([tmp_path / "a", tmp_path / "b"], tmp_path / "out", None)
    assert (made.pictures, made.near_copies) == (3, 1)
    assert [row["path"][-5] for row in rows(tmp_path / "out")] == ["1", "3", "4"]


def test_files_of_one_name_from_two_devices_both_stay(tmp_path: Path) -> None:
    for number, folder in enumerate(("a/cam", "b/cam")):
        keep(tmp_path / folder, number, result=False).rename(tmp_path / folder / "picture.png")
    made = label_folder([tmp_path / "a/cam", tmp_path / "b/cam"], tmp_path / "out", None)
    assert made.pictures == 2
    assert sorted(row["path"] for row in rows(tmp_path / "out")) == [
        "_unsure/cam_picture-2.png", "_unsure/cam_picture.png",
    ]  # fmt: skip


def test_a_detector_s_guesses_are_coco_boxes(tmp_path: Path) -> None:
    box = Detection(index=1, label="dog", score=0.4, box_xyxy_px=(2.0, 3.0, 12.0, 23.5))
    keep(tmp_path / "cam", 1, boxes=[box])
    keep(tmp_path / "cam", 2, boxes=[])
    made = label_folder([tmp_path / "cam"], tmp_path / "out", None)
    assert (made.task, made.pages, made.unsure) == ("detect", 0, 2)
    coco = json.loads((tmp_path / "out" / "annotations.json").read_bytes())
    assert coco["categories"] == [{"id": 1, "name": "dog"}]
    assert [(one["width"], one["height"]) for one in coco["images"]] == [(32, 24)] * 2
    (guessed,) = coco["annotations"]
    assert (guessed["bbox"], guessed["area"], guessed["image_id"]) == ([2.0, 3.0, 10.0, 20.5], 205.0, 1)
    assert all((tmp_path / "out" / one["file_name"]).is_file() for one in coco["images"])


def test_nothing_is_overwritten_and_nothing_half_written_stays(tmp_path: Path) -> None:
    keep(tmp_path / "cam", 1)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="something else"):
        label_folder([tmp_path / "cam"], tmp_path / "out", None)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "cut.png").write_bytes(b"no")
    with pytest.raises(DataError, match=r"cut\.png"):
        label_folder([tmp_path / "bad"], tmp_path / "other", None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad", "cam", "out"]


def test_a_bundle_guesses_as_on_a_device(digits_bundles: dict[str, Path], tmp_path: Path) -> None:
    from trainer.data.digits import digits_origin

    scan = digits_origin().pictures[0]
    (tmp_path / "cam").mkdir()
    write(tmp_path / "cam" / "scan.png", scan.read())
    done = edgeferry(
        "dataset", "label", tmp_path / "cam", "--out", tmp_path / "out", "--bundle", digits_bundles["rpi4"], "--json"
    )
    assert json.loads(done.stdout)["guesses"] == {"0": 1}
    assert rows(tmp_path / "out")[0]["model"] == "digits@1"
