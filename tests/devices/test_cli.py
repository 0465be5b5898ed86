"""`edgeferry devices` as a person and as a program call it."""

from __future__ import annotations

import json

from tests.conftest import edgeferry


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
