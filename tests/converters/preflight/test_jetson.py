"""The TensorRT pre-flight: each rule by a small graph that breaks it, and real files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from contract.errors import ModelError
from converters.preflight.jetson import preflight_jetson
from converters.preflight.report import Preflight
from devices.profiles import load_profile

NANO, ORIN = load_profile("jetson-nano"), load_profile("jetson-orin-jp6")


def model(
    nodes: list[Any],
    constants: dict[str, Any] | None = None,
    *,
    batch: int | str = 1,
    opset: int = 13,
    ir: int = 7,
    domain: str = "",
) -> bytes:
    """A graph from `x` (batch, 3, 8, 8) to `y`."""
    source = helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, 8, 8])
    target = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    stored = [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()]
    graph = helper.make_graph(nodes, "g", [source], [target], stored)
    opsets = [helper.make_opsetid("", opset)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    made = helper.make_model(graph, opset_imports=opsets)
    made.ir_version = ir
    return bytes(made.SerializeToString())


def node(kind: str, inputs: list[str], output: str = "y", **attributes: Any) -> Any:
    return helper.make_node(kind, inputs, [output], **attributes)


def causes(found: Preflight) -> list[str]:
    return [refusal.cause for refusal in found.refusals]


def test_a_plain_graph_is_taken_whole() -> None:
    found = preflight_jetson(model([node("Relu", ["x"])]), ORIN)
    assert (found.operators, found.operators_mapped, found.parts) == (1, 1, 1)
    assert found.fits
    assert not found.refusals


def test_an_open_batch_a_new_opset_and_a_new_ir_are_refused_as_a_whole() -> None:
    found = preflight_jetson(model([node("Relu", ["x"])], batch="n", opset=17, ir=10), NANO)
    assert found.operators_mapped == 0
    told = " ".join(causes(found))
    assert "opset 17" in told
    assert "IR version 10" in told
    assert "a size of 'x' is left open" in told


def test_a_newer_tensorrt_reads_what_an_older_one_does_not() -> None:
    graph = model([node("HardSwish", ["x"])], opset=14)
    assert any("TensorRT 8.2 has no HardSwish" in cause for cause in causes(preflight_jetson(graph, NANO)))
    assert not preflight_jetson(graph, ORIN).refusals


def test_foreign_operators_do_not_run_at_all() -> None:
    graph = model([helper.make_node("Magic", ["x"], ["y"], domain="my.own")], domain="my.own")
    found = preflight_jetson(graph, ORIN)
    assert not found.fits
    assert "my.own:Magic is no standard operator" in causes(found)


def test_an_unsupported_operator_parts_the_graph() -> None:
    nodes = [node("Relu", ["x"], "a"), node("Det", ["a"], "b"), node("Relu", ["b"])]
    found = preflight_jetson(model(nodes), ORIN)
    assert (found.operators_mapped, found.left_on_cpu, found.parts) == (2, {"Det": 1}, 2)


def test_resize_by_cubic_is_refused() -> None:
    sizes = {"r": np.zeros(0, np.float32), "s": np.array([1, 1, 2, 2], np.float32)}
    assert "it resizes by 'cubic'" in causes(
        preflight_jetson(model([node("Resize", ["x", "r", "s"], mode="cubic")], sizes), ORIN)
    )


def quantised(zero: Any, scale: Any = 0.1, weight_axis: int = 0, channels: int = 4) -> bytes:
    """A convolution with a quantised input and weights of a scale a channel."""
    constants = {
        "s": np.array(scale, np.float32),
        "z": np.array(zero),
        "w": np.zeros((channels, 3, 1, 1), np.int8),
        "ws": np.full(channels if weight_axis == 0 else 3, 0.1, np.float32),
        "wz": np.zeros(channels if weight_axis == 0 else 3, np.int8),
    }
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], "q"),
        node("DequantizeLinear", ["q", "s", "z"], "d"),
        node("DequantizeLinear", ["w", "ws", "wz"], "dw", axis=weight_axis),
        node("Conv", ["d", "dw"]),
    ]
    return model(nodes, constants)


def test_symmetric_int8_is_taken() -> None:
    assert not preflight_jetson(quantised(np.int8(0)), ORIN).refusals


@pytest.mark.parametrize(
    ("graph", "cause"),
    [
        (quantised(np.int8(3)), "its zero point is 3, not 0"),
        (quantised(np.uint8(128)), "it quantises to uint8"),
        (quantised(np.int8(0), scale=0.0), "its scale is not a positive number"),
        (quantised(np.int8(0), weight_axis=1), "its scales lie along axis 1, not along output channels"),
        (quantised(np.zeros(3, np.int8), scale=[0.1] * 3), "an activation has a scale a channel"),
    ],
)
def test_each_fault_of_explicit_quantisation_is_named(graph: bytes, cause: str) -> None:
    assert cause in causes(preflight_jetson(graph, ORIN))


def test_weights_beyond_half_precision_and_wide_integers_are_told() -> None:
    constants = {"w": np.full((1, 3, 1, 1), 7e4, np.float32), "i": np.array([2**40])}
    nodes = [node("Conv", ["x", "w"], "a"), node("Gather", ["a", "i"])]
    told = " ".join(warning.cause for warning in preflight_jetson(model(nodes, constants), ORIN).warnings)
    assert "reach beyond 65504" in told
    assert "int32 does not" in told


def test_real_files_by_others(shared_data: Path) -> None:
    faces = (shared_data / "models/onnx/ultraface_rfb_320.onnx").read_bytes()
    assert preflight_jetson(faces, ORIN).fully_mapped
    found = preflight_jetson((shared_data / "models/onnx/mobilenet_v2_qdq_int8.onnx").read_bytes(), ORIN)
    assert {"it quantises to uint8", "a bias is quantised"} <= set(causes(found))


@pytest.mark.parametrize("file", ["corrupt-model.onnx", "model_with_external_initializers.onnx"])
def test_files_that_are_no_whole_model_are_an_error(shared_data: Path, file: str) -> None:
    with pytest.raises(ModelError):
        preflight_jetson((shared_data / "corrupt/models" / file).read_bytes(), ORIN)
