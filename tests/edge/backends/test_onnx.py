from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from contract.errors import BackendError
from edge.backends import open_backend
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
