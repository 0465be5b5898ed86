"""`edgeferry devices` as a person and as a program call it."""

from __future__ import annotations

import json
import os

from tests.conftest import ROOT, edgeferry

BOARDS = ROOT / "tests" / "data" / "boards"


def test_the_list_names_every_profile_with_its_format() -> None:
    lines = edgeferry("devices", "list").stdout.splitlines()
    assert lines[0].split() == ["PROFILE", "DEVICE", "MEMORY", "FORMAT", "ACCELERATOR"]
    assert any(line.startswith("rpi4 ") and "tflite" in line for line in lines)
    assert any(line.startswith("jetson-orin-jp6 ") and "onnx" in line for line in lines)


def test_the_list_is_one_json_object_on_request() -> None:
    listed = json.loads(edgeferry("devices", "list", "--json").stdout)
    assert {"name": "rpi5", "int8": "dot-product"}.items() <= next(
        device for device in listed["devices"] if device["name"] == "rpi5"
    ).items()


def test_show_says_where_a_fact_was_read() -> None:
    page = edgeferry("devices", "show", "rpi4").stdout
    assert "Cortex-A72" in page
    assert "https://www.raspberrypi.com/documentation/" in page


def test_show_is_one_json_object_on_request() -> None:
    shown = json.loads(edgeferry("devices", "show", "coral-usb", "--json").stdout)
    assert shown["accelerator"] == "edgetpu"
    assert shown["source"][0]["facts"] == ["processor", "accelerator"]


def test_an_unknown_name_is_one_message_and_exit_code_2() -> None:
    done = edgeferry("devices", "show", "rpi44", check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "no profile 'rpi44'" in done.stderr
    assert "rpi4" in done.stderr
    assert "Traceback" not in done.stderr


def test_detect_says_what_a_recorded_board_is_and_why() -> None:
    lines = edgeferry("devices", "detect", "--root", BOARDS / "rpi4-coral-usb").stdout.splitlines()
    assert lines[0] == "coral-usb: /proc/device-tree/compatible says raspberrypi,4-model-b"
    assert any("Raspberry Pi 4 Model B Rev 1.4" in line for line in lines)
    assert any("Edge TPU (usb)" in line and "1a6e:089a" in line for line in lines)


def test_detect_is_one_json_object_on_request() -> None:
    found = json.loads(edgeferry("devices", "detect", "--root", BOARDS / "jetson-orin-jp6", "--json").stdout)
    assert (found["profile"], found["image"]) == ("jetson-orin-jp6", "Jetson Linux r36.4.3")


def test_detect_knows_this_machines_architecture() -> None:
    found = json.loads(edgeferry("devices", "detect", "--json").stdout)
    assert found["architecture"] == os.uname().machine


def test_show_says_what_the_accelerator_wants() -> None:
    page = edgeferry("devices", "show", "coral-usb").stdout
    assert "every tensor 8-bit, fixed shapes, batch 1" in page
    assert "libedgetpu1-std" in page
