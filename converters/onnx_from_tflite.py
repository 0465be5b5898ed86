"""TFLite to ONNX by tf2onnx: floating point as it is, whole numbers as QDQ with float32 ends.

Runs inside `converters.worker` only. Layers keep TFLite's order of axes at the ends, so the picture stays NHWC.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import tf2onnx

from contract.errors import ModelError
from converters.onnx_audit import audit
from converters.onnx_canonical import canonical
from converters.onnx_constants import unshare
from converters.onnx_form import OnnxForm
from converters.onnx_real import real_ends
from edge.backends import open_backend


def to_onnx(path: Path, outputs: Sequence[str], form: OnnxForm, *, where: str) -> bytes:
    """The model in `path`, whose sizes are fixed, as canonical ONNX with the source's `outputs` in their order.

    ModelError where tf2onnx refuses, or leaves a size open.
    """
    try:
        converted, _ = tf2onnx.convert.from_tflite(str(path), opset=form.own_opset)
    except (ValueError, KeyError, TypeError, RuntimeError, NotImplementedError, AssertionError) as problem:
        raise ModelError(
            f"tf2onnx refused it: {str(problem).splitlines()[0] if str(problem) else type(problem).__name__}",
            where=where,
            fix="Keep TFLite for this model, or convert it from where it was trained.",
        ) from problem
    with closing(open_backend("tflite", path)) as backend:
        real_ends(converted, backend.inputs, backend.outputs)
    inputs = [value.name for value in converted.graph.input]
    quantised = any(node.op_type == "DequantizeLinear" for node in converted.graph.node)
    if quantised:
        unshare(converted.graph)
    made = canonical(converted, inputs=inputs, outputs=outputs, where=where)
    everything = [node.name for node in made.graph.node]
    audit(made, "onnx-int8" if quantised else "onnx-float32", where=where, kept_float=everything if quantised else ())
    return bytes(made.SerializeToString(deterministic=True))
