"""A detector from drawn pictures to bundles: judged by its boxes, mapped whole, run by the device's own code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
import pytest

from contract.errors import ModelError
from converters.runs import read_run
from edge.bundles import UNVERIFIED, read_bundle
from tests.conftest import edgeferry
from tests.trainer.detection.drawn_boxes import LABELS, drawn_on_disk

TARGETS = ("rpi4", "coral-usb", "jetson-orin-jp6")
SETTINGS = """
task = "detect"
seed = 2
[preprocessing]
size_wh = [64, 48]
resize = "letterbox"
[network]
width = 0.5
[training]
epochs = 12
batch = 8
[augmentation]
shift = 0.1
zoom = 0.1
flip = true
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_on_disk(tmp_path_factory.mktemp("things"), [("train", 96), ("validation", 16), ("test", 32)])


@pytest.fixture(scope="module")
def run(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    (folder / "train.toml").write_text(SETTINGS)
    edgeferry("train", pictures, "--config", folder / "train.toml", "--out", folder / "things", "--quiet")
    return folder / "things"


@pytest.fixture(scope="module")
def converted(run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("bundles")
    done = edgeferry("convert", run, "--for", ",".join(TARGETS), "--out", out, "--json")
    return out, json.loads(done.stdout)


def test_its_evidence_is_the_average_precision_of_the_boxes(converted: tuple[Path, dict[str, Any]]) -> None:
    _, report = converted
    assert report["metric"] == "mAP50-95"
    for bundle in report["bundles"]:
        evidence = bundle["evidence"]
        assert evidence["metric"] == "mAP50-95"
        assert evidence["source"] > 0.5
        assert evidence["artifact"] >= 0.98 * evidence["source"]
        assert evidence["low"] <= evidence["artifact"] <= evidence["high"]


def test_an_edge_tpu_takes_the_whole_of_it(converted: tuple[Path, dict[str, Any]]) -> None:
    _, report = converted
    found = report["preflight"]
    assert found["target"] == "coral-usb"
    assert found["operators_mapped"] == found["operators"] > 20
    assert found["left_on_cpu"] == {}


def test_the_device_finds_what_is_drawn(
    converted: tuple[Path, dict[str, Any]], pictures: Path, run: Path, tmp_path: Path
) -> None:
    out, _ = converted
    before = json.loads((run / "metrics.json").read_bytes())["test"]
    for profile in ("rpi4", "jetson-orin-jp6"):
        done = edgeferry("evaluate", out / f"things-1-{profile}.bundle", pictures, "--json")
        after = json.loads(done.stdout)
        assert (after["split"], after["held_back"]) == ("test", True)
        assert after["scores"]["map50_95"] >= 0.98 * before["map50_95"]
    shown = pictures.parent / "test"
    edgeferry("run", out / "things-1-rpi4.bundle", "--source", shown, "--results", tmp_path / "lines")
    lines = [json.loads(line) for line in (tmp_path / "lines").read_text().splitlines()]
    assert len(lines) == 32
    assert {thing["label"] for line in lines for thing in line["detections"]} == set(LABELS)


def test_the_bundle_has_the_training_s_threshold_and_a_drift_reference_of_its_own(
    converted: tuple[Path, dict[str, Any]], run: Path
) -> None:
    out, _ = converted
    settings = read_run(run).settings
    bundle = read_bundle(out / "things-1-rpi4.bundle", UNVERIFIED)
    assert bundle.manifest.decoding == settings.decoding
    reference = json.loads(bundle.members["reference.json"])
    assert reference["made_with"] == "tflite"


def test_whole_pixels_are_repeated_in_words_no_runtime_warns_of(converted: tuple[Path, dict[str, Any]]) -> None:
    out, _ = converted
    model = onnx.load_from_string(
        read_bundle(out / "things-1-jetson-orin-jp6.bundle", UNVERIFIED).members["model.onnx"]
    )
    modes = {
        attribute.s
        for node in model.graph.node
        if node.op_type == "Resize"
        for attribute in node.attribute
        if attribute.name == "coordinate_transformation_mode"
    }
    assert modes == {b"asymmetric"}


def test_a_detector_that_does_not_say_what_its_outputs_mean_is_refused(run: Path, tmp_path: Path) -> None:
    import shutil

    spoilt = shutil.copytree(run, tmp_path / "run")
    text = (spoilt / "train.toml").read_text()
    (spoilt / "train.toml").write_text(text[: text.index("[decoding]")])
    with pytest.raises(ModelError, match="does not say what the model's outputs mean"):
        read_run(spoilt)
