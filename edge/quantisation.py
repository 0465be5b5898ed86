"""Between the numbers a model stores and the numbers they mean: real = scale * (stored - zero_point).

Per-tensor affine quantisation as the TensorFlow Lite 8-bit specification defines it
(ai.google.dev/edge/litert/models/quantization_spec).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.manifest import TensorSpec

Tensor = NDArray[Any]
"""In one of the manifest's number types."""


def dequantise(array: Tensor, spec: TensorSpec) -> NDArray[np.float32]:
    """The real values of `array`, same shape, float32; a tensor without quantisation is only cast."""
    if spec.quantization is None:
        return array.astype(np.float32, copy=False)
    scale, zero_point = spec.quantization.scale, spec.quantization.zero_point
    # Subtracting in int32 keeps int8 and uint8 from wrapping around.
    return (array.astype(np.int32) - zero_point).astype(np.float32) * np.float32(scale)


def quantise(real: NDArray[np.float64], spec: TensorSpec) -> Tensor:
    """`real` as the tensor stores it: rounded half to even and held within the number type's range."""
    kind = np.dtype(spec.dtype)
    if kind.kind == "f":
        return real.astype(kind)
    if spec.quantization is not None:
        real = real / spec.quantization.scale + spec.quantization.zero_point
    limits = np.iinfo(kind)
    return np.clip(np.rint(real), limits.min, limits.max).astype(kind)
