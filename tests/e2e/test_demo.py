"""The demo as a fresh machine runs it: nothing installed but this project, so with the embedded broker."""

from __future__ import annotations

import json
from pathlib import Path

from tests.conftest import edgeferry


def test_the_main_job_from_pictures_to_a_bad_update_stopped(tmp_path: Path) -> None:
    done = edgeferry("demo", "--exit", "--json", "--embedded-broker", "--work", tmp_path / "demo", check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    found = json.loads(done.stdout)
    assert all(check["ok"] for check in found["checks"])
    assert found["broker"].startswith("amqtt")
    assert [device["final_model"] for device in found["devices"]] == ["parcels@2"] * 3
    assert [device["bad_update"] for device in found["devices"]] == ["rolled_back"] * 3
    assert found["telemetry"]["sent"] == found["telemetry"]["stored"] > 100
    assert {bundle["profile"]: bundle["format"] for bundle in found["bundles"]} == {
        "rpi4": "tflite",
        "coral-usb": "tflite",
        "jetson-orin-jp6": "onnx",
    }
    assert set(found["accuracy"]) == {"float", "tflite_int8", "onnx_int8"}
