"""Foreign ONNX files with everything that is open in them settled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from contract.errors import ModelError
from converters.onnx_form import PLAIN, OnnxForm
from converters.onnx_still import still
from tests.converters.making import SIZE, onnx_network

PICTURE = (3, SIZE, SIZE)
BOTH = ("heat", "a_scores")


def run(model: bytes, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return list(session.run(None, feed))


@pytest.mark.parametrize(
    ("opset", "form", "expected"), [(11, PLAIN, 13), (17, PLAIN, 17), (17, OnnxForm(opset=13), 13)]
)
def test_the_opset_changes_only_where_its_readers_need_it(
    tmp_path: Path, opset: int, form: OnnxForm, expected: int
) -> None:
    made = onnx.load_from_string(
        still(onnx_network(tmp_path / "a.onnx", opset=opset), PICTURE, BOTH, (), form, where="test")
    )
    assert made.opset_import[0].version == expected
    assert made.ir_version == (7 if expected == 13 else 8)


def test_weights_among_the_inputs_and_sizes_asked_for_at_run_time_are_folded(tmp_path: Path) -> None:
    """As Caffe2 and old PyTorch wrote it: x.view(x.shape[0], -1) @ w."""
    weight = np.ones((12, 2), np.float32)
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Gather", ["shape", "zero"], ["rows"], axis=0),
        helper.make_node("Concat", ["rows", "rest"], ["sizes"], axis=0),
        helper.make_node("Reshape", ["x", "sizes"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "view",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, None, None]),
            helper.make_tensor_value_info("w", TensorProto.FLOAT, [12, 2]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [
            numpy_helper.from_array(weight, "w"),
            numpy_helper.from_array(np.array([0]), "zero"),
            numpy_helper.from_array(np.array([-1]), "rest"),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "v.onnx")
    data = still(tmp_path / "v.onnx", (3, 2, 2), ("y",), (), PLAIN, where="test")
    made = onnx.load_from_string(data)
    assert [node.op_type for node in made.graph.node] == ["Reshape", "MatMul"]
    assert [value.name for value in made.graph.input] == ["x"]
    assert run(data, {"x": np.ones((1, 3, 2, 2), np.float32)})[0].tolist() == [[12.0, 12.0]]


def test_a_quantised_file_is_static_standard_and_takes_exact_kernels(shared_data: Path) -> None:
    path = shared_data / "models/onnx/mobilenet_v2_qdq_int8.onnx"
    output = onnx.load(str(path)).graph.output[0].name
    data = still(path, (3, 244, 244), (output,), (), PLAIN, where="test")
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.x64quantprecision", "1")
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape == [1, 3, 244, 244]
    assert session.get_outputs()[0].shape == [1, 1000]


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("corrupt/models/corrupt-model.onnx", "onnx cannot use it"),
        ("corrupt/models/model_with_external_initializers.onnx", "onnx cannot use it"),
    ],
)
def test_a_file_that_is_none_is_refused(shared_data: Path, file: str, expected: str) -> None:
    with pytest.raises(ModelError, match=expected):
        still(shared_data / file, (3, 8, 8), ("y",), (), PLAIN, where="test")


def test_a_picture_of_another_size_is_refused(tmp_path: Path) -> None:
    path = onnx_network(tmp_path / "a.onnx")
    with pytest.raises(ModelError, match="axes"):
        still(path, (SIZE, SIZE), BOTH, (), PLAIN, where="test")
