"""Float ONNX with weights and sums in 16 bits; its inputs and outputs stay float32.

Runs inside `converters.worker` only. Operators that need the range of float32 (Resize, for one) are left in it by
onnxruntime's converter, between two casts.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.transformers.float16 import convert_float_to_float16

from contract.errors import ModelError
from converters.onnx_audit import audit
from converters.onnx_canonical import canonical
from converters.onnx_refusals import REFUSALS

_LARGEST = float(np.finfo(np.float16).max)


def halved(path: Path, *, where: str) -> bytes:
    """The float32 model in `path`, canonical, as float16 under the same names.

    Raises ModelError for a weight beyond what float16 holds, which the converter would cut off without a word, and
    where it refuses.
    """
    model = onnx.load(str(path))
    for name, largest in _beyond(model.graph):
        raise ModelError(
            f"the weights {name!r} reach {largest:.3g}, float16 ends at {_LARGEST:.0f}",
            where=where,
            fix="Keep float32, or train with weights that stay small.",
        )
    inputs = [value.name for value in model.graph.input]
    outputs = [value.name for value in model.graph.output]
    try:
        converted = convert_float_to_float16(model, keep_io_types=True)
    except (*REFUSALS, ValueError, TypeError, RuntimeError) as problem:
        raise ModelError(
            f"onnxruntime refused to halve it: {problem}", where=where, fix="Keep float32 for this model."
        ) from problem
    made = canonical(converted, inputs=inputs, outputs=outputs, where=where)
    audit(made, "onnx-float16", where=where)
    return bytes(made.SerializeToString(deterministic=True))


def _beyond(graph: Any) -> Iterator[tuple[str, float]]:
    """Weights that float16 cannot hold, and the largest number in each; infinities of masks are what they are."""
    for tensor in graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size:
            finite = np.abs(values[np.isfinite(values)])
            if finite.max(initial=0.0) > _LARGEST:
                yield tensor.name, float(finite.max())
