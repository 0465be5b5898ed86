from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from contract.errors import BackendError
from edge.backends import describe, onnx, open_backend
from tests.edge.colours import MODELS


def test_a_dynamic_batch_becomes_one() -> None:
    backend = open_backend("onnx", MODELS / "colours_nchw.onnx")
    assert [(spec.name, spec.shape, spec.dtype) for spec in (*backend.inputs, *backend.outputs)] == [
        ("picture", (1, 3, 16, 24), "float32"),
        ("logits", (1, 3), "float32"),
    ]
    assert backend.name.startswith("onnxruntime 1.")


def test_what_is_written_into_the_view_is_what_is_inferred() -> None:
    backend = open_backend("onnx", MODELS / "colours_nchw.onnx")
    view = backend.input_view("picture")
    assert view is not None
    view[...] = 0
    view[0, 1] = 1.0
    assert backend.infer({})["logits"].tolist() == [[0.0, 8.0, 0.0]]


def test_a_tensor_of_another_shape_is_refused() -> None:
    backend = open_backend("onnx", MODELS / "colours_nchw.onnx")
    with pytest.raises(BackendError, match="Got invalid dimensions"):
        backend.infer({"picture": np.zeros((1, 3, 8, 8), np.float32)})


def test_a_tensor_of_another_type_is_refused() -> None:
    backend = open_backend("onnx", MODELS / "colours_nchw.onnx")
    with pytest.raises(BackendError, match="Unexpected input data type"):
        backend.infer({"picture": np.zeros((1, 3, 16, 24), np.uint8)})


def test_a_real_int8_network_is_opened(shared_data: Path) -> None:
    backend = open_backend("onnx", shared_data / "models" / "onnx" / "mobilenet_v2_qdq_int8.onnx")
    assert backend.inputs[0].shape == (1, 3, 244, 244)
    assert backend.outputs[0].shape == (1, 1000)


def test_the_provider_that_serves_is_in_the_name_and_the_state() -> None:
    backend = open_backend("onnx", MODELS / "colours_nchw.onnx", threads=2)
    assert backend.name.endswith(", CPUExecutionProvider")
    state = describe(backend)
    assert (state.library, state.device, state.delegate, state.threads) == (
        "onnxruntime",
        "cpu",
        "CPUExecutionProvider",
        2,
    )
    assert state.fallback is None


@pytest.mark.parametrize(
    ("device", "profile", "wanted"),
    [
        ("cuda", "", "CUDA"),
        ("tensorrt", "", "TensorRT"),
        ("auto", "jetson-orin-jp6", "TensorRT"),
        ("auto", "generic-x86_64", None),
        ("auto", "a-board-we-do-not-know", None),
        ("cpu", "jetson-orin-jp6", None),
    ],
)
def test_a_provider_that_is_wanted_and_absent_is_told(device: str, profile: str, wanted: str | None) -> None:
    if wanted and f"{wanted}ExecutionProvider".lower() in map(str.lower, onnxruntime.get_available_providers()):
        pytest.skip(f"this onnxruntime has {wanted}")
    fallback = describe(open_backend("onnx", MODELS / "colours_nchw.onnx", device=device, profile=profile)).fallback
    assert (fallback.wanted if fallback else None) == wanted


def test_a_second_provider_keeps_its_place_in_a_real_session() -> None:
    second = next(name for name in onnxruntime.get_available_providers() if name != "CPUExecutionProvider")
    backend = onnx.open_model(MODELS / "colours_nchw.onnx", threads=1, wishes=(second,))
    assert backend.fallback is None
    assert second in backend.name
