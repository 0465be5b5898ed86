"""The words by which a person chooses what computes, and which of them fit which kind of model file."""

from __future__ import annotations

import re
from typing import Literal, get_args

from msgspec import Struct

from contract.errors import ConfigError
from contract.manifest import Format

Kind = Literal["auto", "cpu", "usb", "pci", "tensorrt", "cuda", "openvino"]
WORDS = "auto, cpu, usb, usb:N, pci, pci:N, tensorrt, cuda, openvino"
_NUMBERED = ("usb", "pci")
_FITS: dict[Format, tuple[Kind, ...]] = {
    "tflite": ("auto", "cpu", "usb", "pci", "openvino"),
    "onnx": ("auto", "cpu", "tensorrt", "cuda", "openvino"),
}


class Device(Struct, frozen=True):
    """A chosen device. `usb` and `pci` are Edge TPUs, the N-th of their kind or whichever is there."""

    kind: Kind = "auto"
    number: int | None = None

    def __str__(self) -> str:
        return self.kind if self.number is None else f"{self.kind}:{self.number}"


def parse_device(text: str) -> Device:
    """`text` as a device; ConfigError lists the words there are."""
    match = re.fullmatch(r"([a-z]+)(?::([0-9]{1,2}))?", text)
    if match:
        word, number = match.groups()
        for kind in get_args(Kind):
            if word == kind and (number is None or kind in _NUMBERED):
                return Device(kind, None if number is None else int(number))
    raise ConfigError(f"no device {text!r}", where="device", fix=f"Use one of: {WORDS}.")


def check_fits(device: Device, format: Format) -> None:
    """ConfigError where this device cannot run files of this format at all."""
    fitting = _FITS[format]
    if device.kind not in fitting:
        raise ConfigError(
            f"a .{format} model cannot run on {device}", where="device", fix=f"Use one of: {', '.join(fitting)}."
        )
