"""Which of onnxruntime's execution providers are asked for, and what it means when they are not there. Pure.

Order and names from onnxruntime's documentation (Execution Providers): TensorRT takes what it can of a graph, CUDA the
rest, the CPU what remains.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from edge.backends.device import Device, Kind
from edge.backends.state import Fallback

CPU = "CPUExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"
CUDA = "CUDAExecutionProvider"
OPENVINO = "OpenVINOExecutionProvider"
DEVICES: dict[str, Kind] = {TENSORRT: "tensorrt", CUDA: "cuda", OPENVINO: "openvino", CPU: "cpu"}
_WISHES: dict[Kind, tuple[str, ...]] = {
    "cpu": (),
    "tensorrt": (TENSORRT, CUDA),
    "cuda": (CUDA,),
    "openvino": (OPENVINO,),
}
_INSTALL = {
    TENSORRT: "Install the onnxruntime build with TensorRT made for this JetPack or CUDA version.",
    CUDA: "Install the onnxruntime build with CUDA made for this JetPack or CUDA version.",
    OPENVINO: "Run: pip install 'edgeferry[openvino]'",
}


def wished(device: Device, accelerator: Literal["none", "edgetpu", "cuda"]) -> tuple[str, ...]:
    """Providers worth having, best first, without the CPU. `accelerator` is the profile's and settles `auto`."""
    if device.kind != "auto":
        return _WISHES[device.kind]
    return _WISHES["tensorrt"] if accelerator == "cuda" else ()


def order(wishes: Sequence[str], available: Sequence[str]) -> list[str]:
    """What a session is opened with: the wishes this build of onnxruntime has, then the CPU."""
    return [*(name for name in wishes if name in available), CPU]


def shortfall(wishes: Sequence[str], active: Sequence[str], *, reason: str = "") -> Fallback | None:
    """What is missing between the first wish and the providers a session really has, which may have lost some.

    `reason` is the library's own where it gave one.
    """
    if not wishes or wishes[0] in active:
        return None
    serving = DEVICES.get(active[0], "cpu") if active else "cpu"
    return Fallback(
        wanted=_words(DEVICES[wishes[0]]),
        got=_words(serving),
        cause=reason or f"this onnxruntime has no working {wishes[0]}",
        fix=_INSTALL[wishes[0]],
    )


def _words(kind: Kind) -> str:
    return {"tensorrt": "TensorRT", "cuda": "CUDA", "openvino": "OpenVINO"}.get(kind, "the CPU")
