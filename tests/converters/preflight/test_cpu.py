"""The CPU pre-flight against LiteRT itself, which tells what it gave to XNNPACK."""

from __future__ import annotations

from pathlib import Path

import pytest
from ai_edge_litert.interpreter import Interpreter

from converters.preflight.cpu import preflight_onnx, preflight_tflite
from converters.preflight.partition import parts_of
from converters.preflight.xnnpack_rules import takes
from converters.tflite_graph import Graph, read_graph
from devices.profiles import load_profile
from tests.conftest import ROOT
from tests.converters.tflite_models import TfliteModel

OWN = sorted((ROOT / "tests/data/models").glob("*.tflite"))


def boundaries(graph: Graph) -> list[list[int]]:
    """By part that XNNPACK takes, the tensors others read from it, as LiteRT lists them."""
    found = []
    for part in parts_of(graph, [takes(operator) for operator in graph.operators]):
        if not part.accelerated:
            continue
        inside = {operator.index for operator in part.operators}
        made = {tensor.index for operator in part.operators for tensor in operator.outputs}
        read = {t.index for operator in graph.operators if operator.index not in inside for t in operator.given}
        found.append(sorted(made & (read | {tensor.index for tensor in graph.outputs})))
    return found


def delegated(model: bytes) -> list[list[int]]:
    interpreter = Interpreter(model_content=model)
    interpreter.allocate_tensors()
    details = interpreter._get_ops_details()
    return [sorted(map(int, each["outputs"])) for each in details if each["op_name"] == "DELEGATE"]


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_litert_gives_xnnpack_the_parts_that_were_foretold_for_our_models(path: Path) -> None:
    model = path.read_bytes()
    assert boundaries(read_graph(model, where=path.name)) == delegated(model)


def test_and_for_every_model_by_others(shared_data: Path) -> None:
    for path in sorted((shared_data / "models/tflite").glob("*.tflite")):
        if not path.stem.endswith("_edgetpu"):
            model = path.read_bytes()
            assert boundaries(read_graph(model, where=path.name)) == delegated(model), path.name


def test_what_runs_slowly_is_named_and_does_not_stop_the_model(shared_data: Path) -> None:
    model = (shared_data / "models/tflite/mobilenet_v2_1.0_224_quant.tflite").read_bytes()
    found = preflight_tflite(model, load_profile("rpi4"))
    assert (found.operators_mapped, found.left_on_cpu, found.parts) == (64, {"AVERAGE_POOL_2D": 1, "SOFTMAX": 1}, 2)
    assert found.fits
    assert not found.refusals
    assert any("instructions for 8-bit products" in warning.cause for warning in found.warnings)
    on_pi5 = preflight_tflite(model, load_profile("rpi5"))
    assert not any("instructions" in warning.cause for warning in on_pi5.warnings)


@pytest.mark.parametrize(
    ("file", "fix"),
    [
        ("corrupt/models/multi_add_flex.tflite", "TFLITE_BUILTINS"),
        ("models/tflite/mobilenet_v1_0.25_128_quant_edgetpu.tflite", "uncompiled twin"),
    ],
)
def test_operators_the_runtime_does_not_have_are_refused(shared_data: Path, file: str, fix: str) -> None:
    found = preflight_tflite((shared_data / file).read_bytes(), load_profile("rpi4"))
    assert not found.fits
    assert fix in found.refusals[0].fix


def test_a_model_larger_than_the_service_may_be_is_told() -> None:
    model = TfliteModel()
    features = model.tensor(1, 8192)
    found = preflight_tflite(model.finish([features], [model.dense(features, 8192)]), load_profile("rpi-zero2w"))
    assert any("the service may take 160 MiB" in warning.cause for warning in found.warnings)


def test_onnxruntime_takes_standard_operators(shared_data: Path) -> None:
    model = (shared_data / "models/onnx/ultraface_rfb_320.onnx").read_bytes()
    found = preflight_onnx(model, load_profile("rpi4"))
    assert found.fully_mapped
    assert found.fits
