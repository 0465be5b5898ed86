"""Float ONNX to 8-bit ONNX with QuantizeLinear and DequantizeLinear around every operator (QDQ).

Runs inside `converters.worker` only. Input and output stay float32: the runtime folds the outer pairs away.

Weights use all of their 8 bits: the file is made for the device, and the devices that take ONNX add exactly. What x86
without VNNI needs is asked for where the model is run (`edge/backends/onnx.py`, docs/decisions/0004). Per channel,
because depthwise layers lose their small channels otherwise (arXiv 1806.08342, section 3).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as state
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from contract.errors import ModelError
from converters.onnx_audit import audit
from converters.onnx_canonical import canonical_bytes

REFUSALS = (
    state.Fail,
    state.InvalidArgument,
    state.InvalidGraph,
    state.NotImplemented,
    state.RuntimeException,
    onnx.checker.ValidationError,
    onnx.shape_inference.InferenceError,
    DecodeError,
)
"""What onnxruntime, onnx and protobuf raise for a file or graph they cannot use; they have no common base."""


class _Pictures(CalibrationDataReader):  # type: ignore[misc]
    """Calibration pictures one by one, as onnxruntime asks for them."""

    def __init__(self, name: str, pictures: NDArray[np.float32]) -> None:
        self._feeds = ({name: picture[np.newaxis]} for picture in pictures)

    def get_next(self) -> Mapping[str, NDArray[np.float32]] | None:
        return next(self._feeds, None)


def quantise(model: Path, calibration: NDArray[np.float32], *, where: str) -> bytes:
    """The float ONNX in `model` as canonical QDQ int8; `calibration` is (N, H, W, C) as the model is fed.

    Raises ModelError where onnxruntime refuses, or leaves an operator in floating point that has weights.
    """
    with TemporaryDirectory(dir=model.parent) as scratch:
        prepared, quantised = Path(scratch, "prepared.onnx"), Path(scratch, "quantised.onnx")
        try:
            # Shapes are all fixed, so the slow symbolic inference has nothing to find.
            quant_pre_process(str(model), str(prepared), skip_symbolic_shape=True)
            _quantise_file(prepared, quantised, calibration)
        except (*REFUSALS, ValueError, RuntimeError, AssertionError) as problem:
            raise ModelError(
                f"onnxruntime refused to quantise it: {problem}", where=where, fix="Use plain layers of fixed size."
            ) from problem
        converted = onnx.load(str(quantised))
    audit(converted, where=where)
    return canonical_bytes(converted, where=where)


def _quantise_file(prepared: Path, quantised: Path, calibration: NDArray[np.float32]) -> None:
    graph = onnx.load(str(prepared)).graph
    quantize_static(
        str(prepared),
        str(quantised),
        _Pictures(graph.input[0].name, calibration),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        # In 256 steps, close scores of a softmax become equal ones; it is cheap in floating point.
        op_types_to_quantize=sorted({node.op_type for node in graph.node} - {"Softmax"}),
    )
