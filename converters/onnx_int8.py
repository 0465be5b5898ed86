"""Float ONNX to 8-bit ONNX with QuantizeLinear and DequantizeLinear around every operator (QDQ).

Runs inside `converters.worker` only. Inputs and outputs stay float32: the runtime folds the outer pairs away.

Weights use all of their 8 bits: the file is made for the device, and the devices that take ONNX add exactly. What x86
without VNNI needs is asked for where the model is run (`edge/backends/onnx.py`, docs/decisions/0004). Per channel,
because depthwise layers lose their small channels otherwise (arXiv 1806.08342, section 3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from contract.errors import ModelError
from converters.feeds import Feeds
from converters.onnx_audit import audit
from converters.onnx_canonical import canonical
from converters.onnx_constants import unshare
from converters.onnx_form import OnnxForm
from converters.onnx_refusals import REFUSALS


class _Pictures(CalibrationDataReader):  # type: ignore[misc]
    """Calibration feeds one by one, as onnxruntime asks for them."""

    def __init__(self, feeds: Feeds) -> None:
        self._feeds = iter(feeds)

    def get_next(self) -> Mapping[str, NDArray[np.float32]] | None:
        return next(self._feeds, None)


def quantise(model: Path, feeds: Feeds, form: OnnxForm, *, keep_float: Sequence[str] = (), where: str) -> bytes:
    """The float ONNX in `model` as canonical QDQ int8, under the same names.

    `keep_float` names nodes of it that stay in floating point. Raises ModelError where onnxruntime refuses, leaves
    another operator in floating point that has weights, or where there is no node of such a name.
    """
    given = onnx.load(str(model)).graph
    if unknown := sorted(set(keep_float) - {node.name for node in given.node}):
        raise ModelError(f"no layer is called {unknown[0]!r}", where=where, fix="Take names from the layer report.")
    with TemporaryDirectory(dir=model.parent) as scratch:
        prepared, quantised = Path(scratch, "prepared.onnx"), Path(scratch, "quantised.onnx")
        try:
            prepare(model, prepared)
            _quantise_file(prepared, quantised, feeds, form, keep_float)
        except (*REFUSALS, ValueError, RuntimeError, AssertionError) as problem:
            raise ModelError(
                f"onnxruntime refused to quantise it: {problem}", where=where, fix="Use plain layers of fixed size."
            ) from problem
        converted = onnx.load(str(quantised))
    audit(converted, "onnx-int8", where=where, kept_float=keep_float)
    made = canonical(
        converted,
        inputs=[value.name for value in given.input],
        outputs=[value.name for value in given.output],
        layers=frozenset(node.name for node in given.node),
        where=where,
    )
    return bytes(made.SerializeToString(deterministic=True))


def prepare(model: Path, prepared: Path) -> None:
    """Write the float `model` as the quantiser is to see it: merged where onnxruntime merges, sizes said everywhere."""
    # Shapes are all fixed, so the slow symbolic inference has nothing to find.
    quant_pre_process(str(model), str(prepared), skip_symbolic_shape=True)
    merged = onnx.load(str(prepared))
    # Of a bias that two layers share the quantiser makes a second one, under a name that may be another's: `t49` with
    # an 8 behind it. Nothing is shared any more.
    unshare(merged.graph)
    _flatten_biases(merged.graph)
    onnx.save(merged, str(prepared))


def _flatten_biases(graph: Any) -> None:
    """A Gemm's bias of shape (1, N) as (N,), which means the same: onnxruntime's quantiser takes it for one number."""
    biases = {node.input[2] for node in graph.node if node.op_type == "Gemm" and len(node.input) > 2}
    for tensor in graph.initializer:
        if tensor.name in biases and len(tensor.dims) == 2 and tensor.dims[0] == 1:
            tensor.dims[:] = tensor.dims[1:]


def _quantise_file(prepared: Path, quantised: Path, feeds: Feeds, form: OnnxForm, keep_float: Sequence[str]) -> None:
    graph = onnx.load(str(prepared)).graph
    quantize_static(
        str(prepared),
        str(quantised),
        _Pictures(feeds),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QInt8 if form.symmetric else QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=form.reduce_range,
        nodes_to_exclude=list(keep_float),
        # In 256 steps, close scores of a softmax become equal ones; it is cheap in floating point.
        op_types_to_quantize=sorted({node.op_type for node in graph.node} - {"Softmax"}),
        extra_options=_options(form),
    )


def _options(form: OnnxForm) -> dict[str, Any]:
    """TensorRT reads pairs without zero points, and adds biases in floating point by itself."""
    return {"ActivationSymmetric": True, "QuantizeBias": False} if form.symmetric else {}
