"""Shared constants, and what onnxruntime makes of them."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnxruntime
import pytest

from converters.onnx_constants import unshare


def exact(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.x64quantprecision", "1")
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def test_exact_kernels_are_refused_for_what_nodes_share_and_had_for_what_they_do_not(shared_data: Path) -> None:
    model = onnx.load(str(shared_data / "models/onnx/mobilenet_v2_qdq_int8.onnx"))
    with pytest.raises(onnxruntime.capi.onnxruntime_pybind11_state.Fail, match="replace the existing tensor"):
        exact(model)
    unshare(model.graph)
    assert exact(model).get_inputs()[0].name == "image"
