from __future__ import annotations

import pytest

from contract.errors import ConfigError
from edge.backends.device import WORDS, Device, check_fits, parse_device


@pytest.mark.parametrize(
    ("text", "device"),
    [
        ("auto", Device("auto")),
        ("cpu", Device("cpu")),
        ("usb", Device("usb")),
        ("usb:0", Device("usb", 0)),
        ("pci:12", Device("pci", 12)),
        ("tensorrt", Device("tensorrt")),
        ("cuda", Device("cuda")),
        ("openvino", Device("openvino")),
    ],
)
def test_every_word_is_read_and_written_again(text: str, device: Device) -> None:
    assert parse_device(text) == device
    assert str(device) == text


@pytest.mark.parametrize("text", ["", "gpu", "usb:", "usb:x", "usb:-1", "cpu:0", "USB", "usb:0 ", "auto:1", "usb:100"])
def test_any_other_word_is_answered_with_the_list(text: str) -> None:
    with pytest.raises(ConfigError, match=WORDS):
        parse_device(text)


def test_a_device_that_cannot_run_the_format_says_what_can() -> None:
    with pytest.raises(ConfigError, match=r"\.onnx model cannot run on usb:1.*auto, cpu, tensorrt, cuda, openvino"):
        check_fits(parse_device("usb:1"), "onnx")
    with pytest.raises(ConfigError, match=r"\.tflite model cannot run on tensorrt.*auto, cpu, usb, pci, openvino"):
        check_fits(parse_device("tensorrt"), "tflite")
