"""Equal networks become equal bytes, whatever their names, the order of their nodes and who wrote them."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from contract.errors import ModelError
from converters.onnx_canonical import canonical_bytes

WEIGHT = np.arange(6, dtype=np.float32).reshape(3, 2)


def network(
    prefix: str, *, swapped: bool = False, producer: str = "somebody", weight: np.ndarray = WEIGHT
) -> onnx.ModelProto:
    """relu(x @ w) + sigmoid(x @ w), its names beginning with `prefix`, with one node nobody needs."""
    x, y, a, b, c, w = (f"{prefix}{letter}" for letter in "xyabcw")
    product = helper.make_node("MatMul", [x, w], [a], name=f"{prefix}1")
    branches = [helper.make_node("Relu", [a], [b], name=f"{prefix}2"), helper.make_node("Sigmoid", [a], [c])]
    unused = helper.make_node("Abs", [a], [f"{prefix}unused"])
    total = helper.make_node("Add", [b, c], [y], doc_string=f"written by {producer}")
    nodes = [product, *(reversed(branches) if swapped else branches), unused, total]
    graph = helper.make_graph(
        nodes,
        prefix,
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, [1, 3])],
        [helper.make_tensor_value_info(y, TensorProto.FLOAT, [1, 2])],
        [numpy_helper.from_array(weight, w), numpy_helper.from_array(weight, f"{prefix}spare")],
    )
    return helper.make_model(graph, producer_name=producer, opset_imports=[helper.make_opsetid("", 17)])


def test_names_order_and_producer_leave_no_trace() -> None:
    one = canonical_bytes(network("first/"), where="test")
    other = canonical_bytes(network("2nd_", swapped=True, producer="tf2onnx 9"), where="test")
    assert one == other


def test_other_weights_are_other_bytes() -> None:
    assert canonical_bytes(network("a"), where="test") != canonical_bytes(network("a", weight=WEIGHT + 1), where="test")


def test_it_is_the_same_network_afterwards() -> None:
    import onnxruntime

    made = canonical_bytes(network("a"), where="test")
    onnx.checker.check_model(onnx.load_from_string(made), full_check=True)
    session = onnxruntime.InferenceSession(made, providers=["CPUExecutionProvider"])
    x = np.array([[1.0, -2.0, 0.5]], np.float32)
    product = x @ WEIGHT
    (given,) = session.run(["scores"], {"image": x})
    np.testing.assert_allclose(given, np.maximum(product, 0) + 1 / (1 + np.exp(-product)), rtol=1e-6)


def test_the_file_says_what_old_runtimes_look_at() -> None:
    made = onnx.load_from_string(canonical_bytes(network("a"), where="test"))
    assert (made.ir_version, made.opset_import[0].version, made.producer_name) == (8, 17, "edgeferry")
    assert [node.op_type for node in made.graph.node] == ["MatMul", "Relu", "Sigmoid", "Add"]
    assert [tensor.name for tensor in made.graph.initializer] == ["t0"]


def test_control_flow_is_refused() -> None:
    branch = helper.make_graph(
        [helper.make_node("Constant", [], ["v"], value=numpy_helper.from_array(WEIGHT[:1]))],
        "branch",
        [],
        [helper.make_tensor_value_info("v", TensorProto.FLOAT, [1, 2])],
    )
    graph = helper.make_graph(
        [helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch)],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.BOOL, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])],
    )
    with pytest.raises(ModelError, match="control flow"):
        canonical_bytes(helper.make_model(graph), where="test")
