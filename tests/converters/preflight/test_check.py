"""One entry for every profile, the shape machines read, and the lines people read."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from converters.preflight.check import preflight, preflight_lines
from converters.preflight.tensorrt import tensorrt_of
from devices.profiles import all_profiles, load_profile, profile_names
from tests.conftest import ROOT

PROCESSOR = {"edgetpu": "Edge TPU", "none": "XNNPACK", "cuda": "XNNPACK"}
KEYS = ("target", "operators", "operators_mapped", "left_on_cpu", "parts", "cache_mib", "refusals")


@pytest.mark.parametrize("name", profile_names())
def test_every_profile_has_an_answer_for_both_formats(name: str) -> None:
    profile = load_profile(name)
    folder = ROOT / "tests/data/models"
    found = preflight((folder / "colours_int8.tflite").read_bytes(), profile)
    assert (found.target, found.processor) == (profile.name, PROCESSOR[profile.accelerator])
    found = preflight((folder / "colours_nchw.onnx").read_bytes(), profile)
    assert found.processor.startswith("TensorRT" if profile.accelerator == "cuda" else "onnxruntime")
    assert list(preflight_lines(found))


def test_machines_read_the_keys_they_were_promised(shared_data: Path) -> None:
    model = (shared_data / "models/tflite/deeplabv3_mnv2_dm05_pascal_quant.tflite").read_bytes()
    found = msgspec.to_builtins(preflight(model, load_profile("coral-usb")))
    assert set(KEYS) <= set(found)
    assert {"operator", "cause", "fix"} <= set(found["refusals"][0])


def test_people_read_the_share_the_rest_and_each_fix(shared_data: Path) -> None:
    model = (shared_data / "models/tflite/deeplabv3_mnv2_dm05_pascal_quant.tflite").read_bytes()
    lines = list(preflight_lines(preflight(model, load_profile("coral-usb"))))
    assert lines[0].startswith("coral-usb: 64 of 72 operators on Edge TPU, 0.73 MiB of weights on the chip")
    assert "2 CONV_2D" in lines[1]
    assert "    Let the model end before it and take the largest score on the host." in lines


def test_each_jetson_has_its_tensorrt() -> None:
    jetsons = [profile.name for profile in all_profiles() if profile.accelerator == "cuda"]
    assert {tensorrt_of(name).name for name in jetsons} == {"8.2", "10.3"}
