"""Saturated sums worked out here are those a Haswell gives, to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from contract.manifest import Classify
from converters.gate import Stage, judge
from converters.measures import sqnr_db
from converters.saturation import BY, saturated
from converters.targets import saturates
from converters.verdict import Limits
from devices.profiles import load_profile
from tests.converters.drafts import draft
from tests.data.make_saturation import FILE, KINDS, float_model, pictures

Real = NDArray[np.float32]


def recorded(kind: str) -> tuple[bytes, Real]:
    """A QDQ model, and what it answers on a processor without VNNI."""
    with np.load(FILE) as archive:
        return archive[f"{kind}.model"].tobytes(), archive[f"{kind}.answers"]


def asked(model: bytes, level: Any = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL) -> Real:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    session = onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])
    return np.concatenate([session.run(None, picture)[0] for picture in pictures()])


@pytest.mark.parametrize("kind", KINDS)
def test_the_answers_are_those_of_a_haswell(kind: str) -> None:
    model, haswell = recorded(kind)
    found = saturated(model, pictures())
    assert found.answers["y"] == pytest.approx(haswell, abs=1e-6)
    assert np.abs(asked(model) - haswell).max() > 0.05, "nothing saturates, and nothing is shown"


def test_layers_are_named_and_depthwise_ones_are_not_among_them() -> None:
    model, _ = recorded("unsigned")
    share = saturated(model, pictures()).share
    assert len(share) == 4
    assert max(share.values()) > 0.001


def test_the_gate_says_that_such_a_processor_computes_it_wrongly_though_this_one_may_not() -> None:
    model, _ = recorded("unsigned")
    source = {"y": asked(float_model().SerializeToString())}
    emulated, worked_out = asked(model), saturated(model, pictures()).answers
    everywhere = np.arange(len(pictures()))
    stages = [Stage("emulated", "here", {"y": emulated}, everywhere), Stage("kernels", BY, worked_out, everywhere)]
    verdict = judge(draft("classify", Classify(scores="y"), {"y": (1, 5)}), source, stages, None, Limits())
    assert verdict.cause == "kernels"
    assert "x86 without VNNI" in verdict.what


def test_seven_bit_weights_cannot_saturate() -> None:
    model = onnx.load_from_string(recorded("unsigned")[0])
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.INT8:
            halved = onnx.numpy_helper.to_array(tensor) // 2
            tensor.CopyFrom(onnx.numpy_helper.from_array(halved, tensor.name))
    halved_file = model.SerializeToString()
    found = saturated(halved_file, pictures())
    assert set(found.share.values()) == {0.0}
    assert sqnr_db(asked(halved_file), found.answers["y"]) > 100


def test_a_floating_point_model_has_nothing_to_saturate() -> None:
    model = float_model().SerializeToString()
    found = saturated(model, pictures())
    assert found.share == {}
    assert found.answers["y"] == pytest.approx(asked(model))


def test_only_x86_without_vnni_is_such_a_device() -> None:
    assert [name for name in ("generic-x86_64", "rpi4", "rpi5") if saturates(load_profile(name))] == ["generic-x86_64"]
