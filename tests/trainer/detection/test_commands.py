"""`train --task detect` and `evaluate` on a COCO folder, as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import msgspec
import pytest

from contract.errors import DataError
from contract.run import METRICS, DetectionMetrics
from tests.conftest import edgeferry
from tests.trainer.detection.drawn_boxes import LABELS, SIZE_WH, drawn_origin
from trainer.data.origin import Origin
from trainer.progress import Silent
from trainer.run_folder import building
from trainer.settings import InputSettings, NetworkSettings, TrainConfig, TrainingSettings, usable_cores

CONFIG = TrainConfig(
    task="detect",
    preprocessing=InputSettings(size_wh=SIZE_WH, resize="letterbox"),
    network=NetworkSettings(width=0.5),
    training=TrainingSettings(epochs=1, batch=8, threads=usable_cores()),
)
ORIGIN = drawn_origin([("train", 16), ("validation", 4), ("test", 6)])


def coco_folder(root: Path, origin: Origin) -> Path:
    """As Roboflow exports it: a folder a split."""
    for split in ("train", "valid", "test"):
        (root / split).mkdir(parents=True)
        mine = [one for one in origin.pictures if (one.split or "")[:5] == split]
        images, annotations = [], []
        for number, one in enumerate(mine):
            pixels = one.read()
            assert cv2.imwrite(str(root / split / f"{number}.png"), pixels)
            height, width = pixels.shape[:2]
            images.append({"id": number, "file_name": f"{number}.png", "width": width, "height": height})
            for box in one.boxes:
                x1, y1, x2, y2 = box.xyxy_px
                annotations.append({"image_id": number, "category_id": box.label, "bbox": [x1, y1, x2 - x1, y2 - y1]})
        categories = [{"id": number, "name": label} for number, label in enumerate(LABELS)]
        sheet = {"images": images, "categories": categories, "annotations": annotations}
        (root / split / "_annotations.coco.json").write_text(json.dumps(sheet))
    return root


@pytest.mark.usefixtures("tensorflow")
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
def test_a_command_trains_the_weights_this_process_trains_and_evaluate_repeats_its_scores(tmp_path: Path) -> None:
    from trainer.detection.detecting import settled_boxes, train_prepared_boxes
    from trainer.measurement.evaluating import evaluate

    pictures = coco_folder(tmp_path / "things", ORIGIN)
    (tmp_path / "train.toml").write_bytes(msgspec.toml.encode(_written(CONFIG)))
    run = tmp_path / "run"
    said = edgeferry("train", pictures, "--config", tmp_path / "train.toml", "--out", run)
    assert said.stdout.startswith("run: mAP50-95 0.")
    assert [line.split()[0] for line in said.stderr.splitlines()] == ["Reading", "Training", "epoch", "Measuring"]
    with building(tmp_path / "here", force=False) as folder:
        here = train_prepared_boxes(folder, *settled_boxes(ORIGIN, "run", CONFIG, Silent()), Silent())
    metrics = msgspec.json.decode((run / METRICS).read_bytes(), type=DetectionMetrics)
    assert metrics.weights == here.metrics.weights
    answer = evaluate(run, str(pictures), split="auto", seed=None, skip_unreadable=False)
    assert (answer.kind, answer.split, answer.held_back) == ("run", "test", True)
    assert answer.scores == metrics.test


def _written(config: TrainConfig) -> dict[str, object]:
    """Without what is left open, which TOML cannot say."""
    given = msgspec.to_builtins(config)
    sections = {key: value for key, value in given.items() if value is not None}
    sections["training"] = {key: value for key, value in given["training"].items() if value is not None}
    return sections


def test_boxes_are_not_trained_as_classes(tmp_path: Path) -> None:
    pictures = coco_folder(tmp_path / "things", drawn_origin([("train", 6), ("validation", 2), ("test", 2)]))
    refused = edgeferry("train", pictures, "--out", tmp_path / "run", check=False)
    assert refused.returncode == DataError.exit_code
    assert "--task detect" in refused.stderr
    assert not (tmp_path / "run").exists()
