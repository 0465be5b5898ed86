from __future__ import annotations

import pytest

from edge.backends.device import parse_device
from edge.backends.onnx_providers import CPU, CUDA, OPENVINO, TENSORRT, order, shortfall, wished


@pytest.mark.parametrize(
    ("device", "accelerator", "available", "asked"),
    [
        ("auto", "none", (CPU,), [CPU]),
        ("auto", "none", (TENSORRT, CUDA, CPU), [CPU]),
        ("auto", "edgetpu", (CUDA, CPU), [CPU]),
        ("auto", "cuda", (TENSORRT, CUDA, CPU), [TENSORRT, CUDA, CPU]),
        ("auto", "cuda", (CPU, CUDA), [CUDA, CPU]),
        ("auto", "cuda", (CPU,), [CPU]),
        ("cpu", "cuda", (TENSORRT, CUDA, CPU), [CPU]),
        ("cuda", "none", (TENSORRT, CUDA, CPU), [CUDA, CPU]),
        ("tensorrt", "none", (TENSORRT, CUDA, CPU), [TENSORRT, CUDA, CPU]),
        ("openvino", "none", (OPENVINO, CPU), [OPENVINO, CPU]),
        ("openvino", "none", ("AzureExecutionProvider", CPU), [CPU]),
    ],
)
def test_the_order_of_providers(device: str, accelerator: str, available: tuple[str, ...], asked: list[str]) -> None:
    assert order(wished(parse_device(device), accelerator), available) == asked  # type: ignore[arg-type]


def test_a_provider_the_session_lost_is_told() -> None:
    fallback = shortfall((TENSORRT, CUDA), [CUDA, CPU])
    assert fallback is not None
    assert (fallback.wanted, fallback.got) == ("TensorRT", "CUDA")
    assert TENSORRT in fallback.cause
    fallback = shortfall((CUDA,), [CPU], reason="no memory left")
    assert fallback is not None
    assert (fallback.wanted, fallback.got, fallback.cause) == ("CUDA", "the CPU", "no memory left")


def test_nothing_wanted_or_all_granted_is_no_fallback() -> None:
    assert shortfall((), [CPU]) is None
    assert shortfall((TENSORRT, CUDA), [TENSORRT, CUDA, CPU]) is None
