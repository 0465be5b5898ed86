"""Halves, and where they end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from contract.errors import ModelError
from converters.onnx_half import halved
from tests.converters.making import onnx_network


def test_weights_are_halves_and_ends_are_not(tmp_path: Path) -> None:
    made = onnx.load_from_string(halved(onnx_network(tmp_path / "a.onnx"), where="test"))
    assert {value.type.tensor_type.elem_type for value in (*made.graph.input, *made.graph.output)} == {1}
    assert {tensor.data_type for tensor in made.graph.initializer} == {onnx.TensorProto.FLOAT16}
    assert [value.name for value in made.graph.output] == ["heat", "a_scores"]


def test_a_weight_beyond_a_half_is_refused_and_not_cut_off(tmp_path: Path) -> None:
    model = onnx.load(str(onnx_network(tmp_path / "a.onnx")))
    weight = model.graph.initializer[0]
    values = onnx.numpy_helper.to_array(weight).copy()
    values[0, 0, 0, 0] = 70000.0
    weight.CopyFrom(onnx.numpy_helper.from_array(values, weight.name))
    onnx.save(model, str(tmp_path / "b.onnx"))
    with pytest.raises(ModelError, match=r"reach 7e\+04, float16 ends at 65504"):
        halved(tmp_path / "b.onnx", where="test")


def test_an_infinity_is_what_it_is(tmp_path: Path) -> None:
    model = onnx.load(str(onnx_network(tmp_path / "a.onnx")))
    weight = model.graph.initializer[2]
    values = np.array(onnx.numpy_helper.to_array(weight))
    values[0, 0] = -np.inf
    weight.CopyFrom(onnx.numpy_helper.from_array(values, weight.name))
    onnx.save(model, str(tmp_path / "b.onnx"))
    assert halved(tmp_path / "b.onnx", where="test")
