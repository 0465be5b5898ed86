"""What onnxruntime, onnx and protobuf raise for a file or graph they cannot use; they have no common base.

Imported inside `converters.worker` only, as it imports all three.
"""

from __future__ import annotations

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnxruntime.capi import onnxruntime_pybind11_state as state

REFUSALS = (
    state.Fail,
    state.InvalidArgument,
    state.InvalidGraph,
    state.InvalidProtobuf,
    state.NotImplemented,
    state.RuntimeException,
    onnx.checker.ValidationError,
    onnx.shape_inference.InferenceError,
    DecodeError,
)
