"""Quantising ONNX, where onnxruntime needs help."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from contract.errors import ModelError
from contract.manifest import Preprocessing
from converters.feeds import Feeds
from converters.onnx_audit import audit
from converters.onnx_form import PLAIN
from converters.onnx_int8 import quantise
from tests.converters.making import onnx_network, pictures

NCHW = Preprocessing(size_wh=(32, 32), layout="nchw")


def feeds(folder: Path) -> Feeds:
    np.save(folder / "frames.npy", pictures(4, 1))
    return Feeds(folder / "frames.npy", NCHW, {"picture": (1, 3, 32, 32)})


def shared_bias(path: Path) -> Path:
    """Two convolutions with one bias `b`, and a tensor called as onnxruntime would call the second: `b0`."""
    draw = np.random.default_rng(0)
    weights = [
        numpy_helper.from_array((0.3 * draw.standard_normal(shape)).astype(np.float32), name)
        for name, shape in (("v", (4, 3, 1, 1)), ("w", (4, 4, 1, 1)), ("b", (4,)), ("m", (4096, 2)), ("c", (1, 2)))
    ]
    nodes = [
        helper.make_node("Conv", ["picture", "v", "b"], ["a"], name="Conv_0"),
        helper.make_node("Relu", ["a"], ["r"], name="Relu_0"),
        helper.make_node("Conv", ["r", "w", "b"], ["d"], name="Conv_1"),
        helper.make_node("Transpose", ["d"], ["b0"], perm=[0, 2, 3, 1], name="Transpose_0"),
        helper.make_node("Flatten", ["b0"], ["f"], name="Flatten_0"),
        helper.make_node("Gemm", ["f", "m", "c"], ["scores"], name="Gemm_0"),
    ]
    graph = helper.make_graph(
        nodes,
        "shared",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, 32, 32])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 2])],
        weights,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return path


def test_a_shared_bias_and_one_with_two_axes_are_no_obstacle(tmp_path: Path) -> None:
    data = quantise(shared_bias(tmp_path / "a.onnx"), feeds(tmp_path), PLAIN, where="test")
    made = onnx.load_from_string(data)
    audit(made, where="test")
    onnx.checker.check_model(made, full_check=True)


def test_layers_keep_the_names_of_the_float_model(tmp_path: Path) -> None:
    data = quantise(shared_bias(tmp_path / "a.onnx"), feeds(tmp_path), PLAIN, where="test")
    names = [node.name for node in onnx.load_from_string(data).graph.node]
    assert {"Conv_0", "Conv_1", "Gemm_0"} <= set(names)
    assert len(set(names)) == len(names)


def test_a_layer_nobody_knows_cannot_be_kept_in_float(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no layer is called 'Conv_9'"):
        quantise(onnx_network(tmp_path / "a.onnx"), feeds(tmp_path), PLAIN, keep_float=("Conv_9",), where="test")


def test_a_kept_layer_is_float_and_only_that(tmp_path: Path) -> None:
    path = shared_bias(tmp_path / "a.onnx")
    made = onnx.load_from_string(quantise(path, feeds(tmp_path), PLAIN, keep_float=("Conv_1",), where="test"))
    audit(made, where="test", kept_float=("Conv_1",))
    with pytest.raises(ModelError, match="Conv 'Conv_1' stayed in floating point"):
        audit(made, where="test")
