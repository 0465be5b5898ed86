"""The whole way, as a person calls it: real conversions in real processes, and nothing left behind by a refused one."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from contract import run as files
from converters.inspection import verify
from devices.keys import make_key
from edge.bundles import UNVERIFIED, CheckedBundle, read_bundle
from edge.golden import check_golden
from edge.model import LoadedModel, load_model
from tests.conftest import edgeferry


def loaded(bundle: CheckedBundle) -> LoadedModel:
    """The model of `bundle`, as a device loads it."""
    return load_model(bundle.manifest, bundle.digest, bundle.model)


def answers(bundle: CheckedBundle, frames: np.ndarray) -> list[int]:
    """First answers of the bundle's model."""
    model = loaded(bundle)
    return [int(next(iter(model.outputs_for(frame).values())).argmax()) for frame in frames]


@pytest.fixture(scope="module")
def bundles(digits_bundles: dict[str, Path]) -> dict[str, CheckedBundle]:
    """The session's bundles, read."""
    return {profile: read_bundle(path, UNVERIFIED) for profile, path in digits_bundles.items()}


def test_each_profile_gets_the_format_it_prefers(bundles: dict[str, CheckedBundle]) -> None:
    formats = {profile: bundle.manifest.format for profile, bundle in bundles.items()}
    assert formats == {"rpi4": "tflite", "coral-usb": "tflite", "jetson-orin-jp6": "onnx"}


def test_tflite_is_int8_from_end_to_end_and_onnx_takes_floats(bundles: dict[str, CheckedBundle]) -> None:
    tflite, onnx = bundles["rpi4"].manifest, bundles["jetson-orin-jp6"].manifest
    assert (tflite.inputs[0].dtype, tflite.outputs[0].dtype) == ("int8", "int8")
    assert tflite.inputs[0].shape == (1, 32, 32, 1)
    assert tflite.inputs[0].quantization is not None
    # Grey values 0..255 fall on the 256 steps one by one: pixel / 255 = scale * (stored - zero_point).
    assert tflite.inputs[0].quantization.zero_point == -128
    assert tflite.inputs[0].quantization.scale == pytest.approx(1 / 255, rel=0.02)
    assert (onnx.inputs[0].dtype, onnx.outputs[0].dtype) == ("float32", "float32")


def test_the_evidence_is_what_the_bundle_really_does(bundles: dict[str, CheckedBundle], digits_run: Path) -> None:
    with np.load(digits_run / files.GOLDEN) as stored:
        frames, labels = stored["frames"], stored["labels"]
    for bundle in bundles.values():
        evidence = bundle.manifest.evidence
        assert evidence.pictures == len(labels)
        assert np.mean(answers(bundle, frames) == labels) == evidence.artifact


def test_both_formats_give_the_same_first_answers(bundles: dict[str, CheckedBundle], digits_run: Path) -> None:
    with np.load(digits_run / files.GOLDEN) as stored:
        frames = stored["frames"]
    tflite, onnx = (np.array(answers(bundles[name], frames)) for name in ("rpi4", "jetson-orin-jp6"))
    assert np.mean(tflite == onnx) >= 0.95


def test_golden_frames_show_every_class_and_come_out_right(bundles: dict[str, CheckedBundle]) -> None:
    for bundle in bundles.values():
        check_golden(loaded(bundle), bundle.members["golden.npz"])
        with np.load(io.BytesIO(bundle.members["golden.npz"])) as stored:
            scores = stored[f"output:{bundle.manifest.outputs[0].name}"]
        assert set(scores.argmax(axis=1)) == set(range(10))


def test_a_bundle_says_what_it_was_made_from(bundles: dict[str, CheckedBundle], digits_run: Path) -> None:
    metrics = json.loads((digits_run / files.METRICS).read_text())
    dataset = json.loads((digits_run / files.DATASET).read_text())
    for bundle in bundles.values():
        assert bundle.manifest.lineage["weights"] == metrics["weights"]
        assert bundle.manifest.lineage["dataset"] == dataset["digest"]
        assert bundle.members["card.md"].startswith((digits_run / files.CARD).read_bytes().rstrip())
        assert b"Accuracy of this file" in bundle.members["card.md"]


def test_only_the_coral_bundle_says_it_is_not_compiled(bundles: dict[str, CheckedBundle]) -> None:
    noted = {profile for profile, bundle in bundles.items() if "Not compiled" in bundle.manifest.note}
    assert noted == {"coral-usb"}


def test_the_same_run_elsewhere_gives_the_same_bytes_and_an_equal_file_is_fine(
    digits_run: Path, digits_bundles: dict[str, Path], tmp_path: Path
) -> None:
    run = shutil.copytree(digits_run, tmp_path / "elsewhere/run")
    out = tmp_path / "out"
    out.mkdir()
    shutil.copy(digits_bundles["rpi4"], out)
    done = edgeferry("convert", run, "--for", "jetson-orin-jp6", "--for", "rpi4", "--out", out, "--json")
    report = json.loads(done.stdout)
    assert [bundle["profile"] for bundle in report["bundles"]] == ["jetson-orin-jp6", "rpi4"]
    for profile in ("jetson-orin-jp6", "rpi4"):
        name = f"digits-1-{profile}.bundle"
        assert (out / name).read_bytes() == digits_bundles[profile].read_bytes()
    assert sorted(path.name for path in out.iterdir()) == ["digits-1-jetson-orin-jp6.bundle", "digits-1-rpi4.bundle"]


def test_a_release_has_its_own_name_number_and_key(digits_run: Path, tmp_path: Path) -> None:
    keyid = make_key(tmp_path / "publisher")
    options = ("--name", "post", "--version", "3", "--key", tmp_path / "publisher")
    done = edgeferry("convert", digits_run, "--for", "generic-x86_64", "--out", tmp_path / "out", *options)
    assert "post-3-generic-x86_64.bundle" in done.stdout
    assert "development key" not in done.stderr
    found = verify(tmp_path / "out/post-3-generic-x86_64.bundle", [tmp_path / "publisher.pub"])
    assert (found.signer, found.manifest.release) == (keyid, "post@3")


def test_a_dry_run_measures_and_writes_nothing(digits_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = edgeferry("convert", digits_run, "--for", "jetson-nano", "--out", out, "--dry-run", "--json")
    (bundle,) = json.loads(done.stdout)["bundles"]
    assert bundle["path"] is None
    assert bundle["evidence"]["artifact"] > 0.9
    assert not out.exists()


def test_a_model_calibrated_on_black_pictures_is_refused_and_nothing_is_written(
    digits_run: Path, tmp_path: Path
) -> None:
    import cv2

    (tmp_path / "black").mkdir()
    cv2.imwrite(str(tmp_path / "black/night.png"), np.zeros((32, 32, 3), np.uint8))
    options = ("--for", "rpi4", "--calibration", tmp_path / "black", "--out", tmp_path / "out")
    done = edgeferry("convert", digits_run, *options, check=False)
    assert done.returncode == 4
    assert "calibration pictures of" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "code", "expected"),
    [
        (("--for", "rpi44", "--out", "x"), 2, "no profile 'rpi44'"),
        (("--for", " , ", "--out", "x"), 2, "no profile given"),
        (("--for", "rpi4"), 2, "no folder to write to"),
        (("--for", "rpi4", "--out", "x", "--key", "/dev/null"), 2, "not an Ed25519 private key"),
        (("--for", "rpi4", "--out", "x", "--name", "Not A Name"), 2, "no such model file or run folder"),
        (("--for", "rpi4", "--out", "x"), 2, "no such model file or run folder"),
    ],
)
def test_a_wrong_option_is_one_message(tmp_path: Path, options: tuple[str, ...], code: int, expected: str) -> None:
    done = edgeferry("convert", tmp_path / "absent", *options, check=False)
    assert (done.returncode, done.stdout) == (code, "")
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
