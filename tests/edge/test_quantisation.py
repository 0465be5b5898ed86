from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.manifest import Quantization, TensorSpec
from edge.quantisation import dequantise, quantise


def spec(dtype: str, scale: float | None = None, zero_point: int = 0) -> TensorSpec:
    quantization = None if scale is None else Quantization(scale=scale, zero_point=zero_point)
    return TensorSpec(name="t", shape=(1, 4), dtype=dtype, quantization=quantization)  # type: ignore[arg-type]


@given(st.integers(-128, 127), st.floats(1e-4, 10.0), st.integers(-128, 127))
def test_int8_survives_the_way_to_real_values_and_back(stored: int, scale: float, zero_point: int) -> None:
    kind = spec("int8", scale, zero_point)
    real = dequantise(np.array([stored], np.int8), kind)
    assert real.dtype == np.float32
    assert quantise(real.astype(np.float64), kind).tolist() == [stored]


def test_real_is_scale_times_stored_minus_zero_point_without_wrapping_around() -> None:
    extremes = np.array([-128, 127], np.int8)
    assert dequantise(extremes, spec("int8", 0.5, 100)).tolist() == [-114.0, 13.5]


def test_halves_are_rounded_to_even_and_what_is_out_of_range_is_held() -> None:
    real = np.array([0.5, 1.5, 2.5, -7.0, 300.0])
    assert quantise(real, spec("uint8", 1.0)).tolist() == [0, 2, 2, 0, 255]


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_floats_are_only_cast(dtype: str) -> None:
    assert quantise(np.array([0.25, -3.0]), spec(dtype)).tolist() == [0.25, -3.0]
    assert dequantise(np.array([0.25, -3.0], dtype), spec(dtype)).tolist() == [0.25, -3.0]
