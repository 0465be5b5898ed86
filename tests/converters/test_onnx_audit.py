"""What keeps an ONNX model from being a static QDQ int8 model, on real files."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from contract.errors import ModelError
from converters.onnx_audit import audit, problems


def test_a_float_model_is_refused_and_its_float_operators_are_named(shared_data: Path) -> None:
    model = onnx.load(str(shared_data / "models/onnx/ultraface_rfb_320.onnx"))
    assert any("Conv" in problem and "stayed in floating point" in problem for problem in problems(model))
    with pytest.raises(ModelError, match="not a QDQ int8 model"):
        audit(model, where="faces")


def test_an_open_batch_is_refused_and_quantised_operators_are_not(shared_data: Path) -> None:
    found = list(problems(onnx.load(str(shared_data / "models/onnx/mobilenet_v2_qdq_int8.onnx"))))
    assert any("is not float32 of fixed size with batch 1" in problem for problem in found)
    assert not any("stayed in floating point" in problem for problem in found)
