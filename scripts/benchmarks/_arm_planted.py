"""Faults that are known from real boards, planted under an emulated one: does the doctor find each?

The packages are the real aarch64 wheels, and the compiled model is a real one where there is one; each fault shows
itself in a child process of the doctor's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from devices.doctor.coral import COMPILED
from scripts.benchmarks._arm import PLANTED, Emulated

_SETTINGS = """
fleet = "toys"
device = "cam-1"
profile = "rpi3"
state_dir = "state"
[broker]
url = "mqtt://127.0.0.1"
[trust]
publishers = []
[camera]
source = "synthetic:"
"""


class Fault(NamedTuple):
    """What the doctor must say about one."""

    check: str
    words: tuple[str, ...]

    def is_found(self, findings: Mapping[str, tuple[str, str]]) -> bool:
        """Whether it is among `findings`, as something to mend and with its cause."""
        status, what = findings.get(self.check, ("ok", ""))
        return status != "ok" and all(word in what for word in self.words)


FAULTS = {
    "onnxruntime_1_21_0": Fault("onnxruntime", ("1.21.0 does not work", "(SIGILL)")),
    "tflite_runtime_beside_numpy_2": Fault("tflite_runtime", ("2.14.0 does not work", "numpy 2", "built for numpy 1")),
    "compiled_model_without_stick": Fault("slots", ("is compiled for an Edge TPU, and none is attached",)),
    "stick_without_libedgetpu": Fault("libedgetpu", ("cannot load libedgetpu.so.1: OSError",)),
}
"""By name, the first three on a board without a stick."""


def found_faults(processor: str, folder: Path, compiled: Path) -> set[str]:
    """Which of `FAULTS` the doctor finds under this processor; `compiled` is a model for the Edge TPU, if it is there.

    Device folders are made in `folder`.
    """
    slot = folder / "state" / "slots" / "planted"
    slot.mkdir(parents=True)
    (slot / "model.tflite").write_bytes(compiled.read_bytes() if compiled.is_file() else b"TFL3" + COMPILED)
    settings = folder / "device.toml"
    settings.write_text(_SETTINGS)
    packages = (PLANTED / "onnxruntime", PLANTED / "tflite-runtime")
    without = Emulated(processor, first=packages).doctor("--config", settings)
    stick = Emulated(processor, board="rpi4-coral-usb").doctor()
    return {name for name, fault in FAULTS.items() if fault.is_found(stick if fault.check == "libedgetpu" else without)}
