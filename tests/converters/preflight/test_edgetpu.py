"""The Edge TPU pre-flight: equal to the compiler on four real models, and each rule by a graph that breaks it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from contract.errors import ModelError
from converters.preflight.edgetpu import preflight_edgetpu
from converters.preflight.report import Preflight
from devices.profiles import load_profile
from tests.converters.tflite_models import TfliteModel

CORAL = load_profile("coral-usb")


def checked(model: TfliteModel, inputs: list[int], outputs: list[int]) -> Preflight:
    return preflight_edgetpu(model.finish(inputs, outputs), CORAL)


def mapping(shared_data: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((shared_data / "expected.json").read_text())["edgetpu_mapping"]
    return found


def test_the_compiled_twins_of_four_models_are_foretold(shared_data: Path) -> None:
    for pair in mapping(shared_data):
        found = preflight_edgetpu((shared_data / pair["model"]).read_bytes(), CORAL)
        assert found.operators == pair["operators"], pair["model"]
        assert found.operators_mapped == pair["operators_mapped"], pair["model"]
        assert found.left_on_cpu == pair["left_on_cpu"], pair["model"]
        assert found.parts == pair["compiled_operators"], pair["model"]
        assert found.fully_mapped == pair["fully_mapped"] == (not found.refusals), pair["model"]


def test_what_stays_because_of_another_names_the_other(shared_data: Path) -> None:
    model = (shared_data / "models/tflite/deeplabv3_mnv2_dm05_pascal_quant.tflite").read_bytes()
    found = preflight_edgetpu(model, CORAL)
    own = {refusal.operator: refusal.cause for refusal in found.refusals if "comes behind" not in refusal.cause}
    assert own["ARG_MAX"] == "the Edge TPU has no such operator"
    assert "enlarges 33 times" in next(refusal.cause for refusal in found.refusals)
    behind = [refusal for refusal in found.refusals if refusal.operator == "CONV_2D"]
    assert [refusal.count for refusal in behind] == [2]
    assert "comes behind RESIZE_BILINEAR" in behind[0].cause


@pytest.mark.parametrize("file", ["vww_96_int8.tflite", "cifar10_resnet_int8.tflite", "hello_world_int8.tflite"])
def test_an_open_batch_is_refused_as_a_whole(shared_data: Path, file: str) -> None:
    found = preflight_edgetpu((shared_data / "models/tflite" / file).read_bytes(), CORAL)
    assert (found.operators_mapped, found.parts, found.fits) == (0, 0, False)
    assert [refusal.operator for refusal in found.refusals] == ["MODEL"]
    assert "left open" in found.refusals[0].cause
    assert "batch 1" in found.refusals[0].fix


def test_a_float_model_is_refused_as_a_whole(shared_data: Path) -> None:
    model = (shared_data / "models/tflite/mobilenet_v1_0.25_224_float.tflite").read_bytes()
    found = preflight_edgetpu(model, CORAL)
    assert found.operators_mapped == 0
    assert [(refusal.operator, refusal.cause) for refusal in found.refusals] == [("MODEL", "it is not quantised")]


def test_a_compiled_model_is_told_as_such(shared_data: Path) -> None:
    model = (shared_data / "models/tflite/mobilenet_v1_0.25_128_quant_edgetpu.tflite").read_bytes()
    assert preflight_edgetpu(model, CORAL).refusals[0].cause == "it is compiled already"


@pytest.mark.parametrize("file", ["invalid_model.tflite", "test_model_broken.tflite", "no_subgraphs.tflite"])
def test_a_file_that_is_no_model_is_an_error(shared_data: Path, file: str) -> None:
    with pytest.raises(ModelError):
        preflight_edgetpu((shared_data / "corrupt/models" / file).read_bytes(), CORAL)


def test_swish_and_squeeze_and_excite_map_but_hard_swish_does_not() -> None:
    model = TfliteModel()
    picture = model.tensor(1, 16, 16, 8)
    features = model.conv(picture, 8)
    swish = model.operator("MUL", [features, model.unary("LOGISTIC", features)], model.tensor(1, 16, 16, 8))
    axes = model.constant([1, 2], "INT32")
    squeezed = model.operator("MEAN", [swish, axes], model.tensor(1, 1, 1, 8), 2, kind="ReducerOptions", keepDims=True)
    gate = model.unary("LOGISTIC", model.conv(squeezed, 8))
    excited = model.operator("MUL", [swish, gate], model.tensor(1, 16, 16, 8))
    hard = model.unary("HARD_SWISH", excited)
    last = model.conv(hard, 8)
    found = checked(model, [picture], [last])
    assert (found.operators, found.operators_mapped) == (9, 7)
    assert found.left_on_cpu == {"CONV_2D": 1, "HARD_SWISH": 1}
    assert "RELU6" in found.refusals[0].fix


def test_a_dense_layer_with_a_scale_a_channel_stays_and_says_how_to_mend_it() -> None:
    model = TfliteModel()
    features = model.tensor(1, 64)
    found = checked(model, [features], [model.dense(features, 10, scales=10, version=12)])
    assert found.left_on_cpu == {"FULLY_CONNECTED": 1}
    causes = [refusal.cause for refusal in found.refusals]
    assert any("10 scales" in cause for cause in causes)
    assert any("version 12" in cause for cause in causes)
    assert any("one scale a tensor" in refusal.fix for refusal in found.refusals)


def test_a_batch_of_two_has_four_axes() -> None:
    model = TfliteModel()
    pictures = model.tensor(2, 8, 8, 4)
    found = checked(model, [pictures], [model.unary("RELU", pictures)])
    assert "three innermost sizes" in found.refusals[0].cause


def test_float_ends_stay_on_the_host_and_what_lies_between_maps() -> None:
    """As in published logs: the first QUANTIZE and the last DEQUANTIZE stay, and everything between them maps."""
    model = TfliteModel()
    picture = model.tensor(1, 8, 8, 3, type="FLOAT32")
    inside = model.operator("QUANTIZE", [picture], model.tensor(1, 8, 8, 3))
    features = model.conv(inside, 4)
    outside = model.operator("DEQUANTIZE", [features], model.tensor(1, 8, 8, 4, type="FLOAT32"))
    found = checked(model, [picture], [outside])
    assert found.left_on_cpu == {"DEQUANTIZE": 1, "QUANTIZE": 1}
    assert (found.operators_mapped, found.parts) == (1, 1)


def test_only_the_first_of_two_parts_is_kept() -> None:
    model = TfliteModel()
    picture = model.tensor(1, 8, 8, 4)
    broken = model.unary("LEAKY_RELU", model.conv(picture, 4))
    side = model.conv(picture, 4)
    last = model.operator("ADD", [broken, side], model.tensor(1, 8, 8, 4))
    found = checked(model, [picture], [last])
    assert found.left_on_cpu == {"ADD": 1, "LEAKY_RELU": 1}
    assert "comes behind LEAKY_RELU" in found.refusals[1].cause


def _resize(size: int, depth: int, times: int) -> tuple[TfliteModel, int, int]:
    model = TfliteModel()
    source = model.tensor(1, size, size, depth)
    shape = model.constant([size * times, size * times], "INT32")
    return (
        model,
        source,
        model.operator("RESIZE_BILINEAR", [source, shape], model.tensor(1, size * times, size * times, depth), 3),
    )


@pytest.mark.parametrize(
    ("size", "depth", "times", "mapped", "doubtful"),
    [(64, 32, 2, True, False), (8, 4, 8, True, True), (1, 256, 33, False, False), (256, 32, 2, False, False)],
)
def test_a_resize_maps_by_its_factor_and_its_size(
    size: int, depth: int, times: int, mapped: bool, doubtful: bool
) -> None:
    model, source, output = _resize(size, depth, times)
    found = checked(model, [source], [output])
    assert (found.operators_mapped == 1) == mapped
    assert bool(found.warnings) == doubtful


def _cases() -> list[tuple[str, Any]]:
    def pooled(model: TfliteModel, source: int) -> int:
        return model.operator(
            "MAX_POOL_2D", [source], model.tensor(1, 4, 4, 4), 2, kind="Pool2DOptions", fusedActivationFunction=1
        )

    def joined(model: TfliteModel, source: int) -> int:
        ones = model.constant([[[[1] * 4] * 8] * 8])
        return model.operator("CONCATENATION", [source, ones], model.tensor(1, 8, 8, 8), 2)

    def rows(model: TfliteModel, source: int) -> int:
        return model.dense(model.operator("RESHAPE", [source], model.tensor(64, 4)), 3)

    def softmax(model: TfliteModel, source: int) -> int:
        return model.unary("SOFTMAX", source)

    def over_channels(model: TfliteModel, source: int) -> int:
        few = model.conv(source, 3)
        return model.operator("MEAN", [few, model.constant([3], "INT32")], model.tensor(1, 8, 8, 1), 2)

    def channels_padded(model: TfliteModel, source: int) -> int:
        padding = model.constant([[0, 0], [0, 0], [0, 0], [0, 2]], "INT32")
        return model.operator("PAD", [source, padding], model.tensor(1, 8, 8, 6), 2)

    def strided(model: TfliteModel, source: int) -> int:
        begin, end, strides = (model.constant(v, "INT32") for v in ([0, 0, 0, 0], [1, 8, 8, 4], [1, 2, 2, 1]))
        return model.operator("STRIDED_SLICE", [source, begin, end, strides], model.tensor(1, 4, 4, 4), 2)

    def channels_moved(model: TfliteModel, source: int) -> int:
        order = model.constant([0, 3, 1, 2], "INT32")
        return model.operator("TRANSPOSE", [source, order], model.tensor(1, 4, 8, 8), 2)

    def squeezed(model: TfliteModel, source: int) -> int:
        lean = model.operator("RESHAPE", [source], model.tensor(1, 64, 1, 4))
        return model.operator("SQUEEZE", [lean], model.tensor(1, 64, 4))

    def uneven(model: TfliteModel, source: int) -> int:
        inputs = [source, model.zeros(4, 3, 3, 4), model.zeros(4, type="INT32")]
        return model.operator(
            "CONV_2D", inputs, model.tensor(1, 8, 8, 4), 3, kind="Conv2DOptions", dilationWFactor=2, dilationHFactor=1
        )

    def unscaled(model: TfliteModel, source: int) -> int:
        return model.operator("RELU", [source], model.tensor(1, 8, 8, 4, scales=0), 2)

    return [
        ("fused activation", pooled),
        ("a constant is among its inputs", joined),
        ("not one-dimensional", rows),
        ("not one-dimensional", softmax),
        ("reduces over 3 channels", over_channels),
        ("pads the batch or the channels", channels_padded),
        ("strides are [1, 2, 2, 1]", strided),
        ("moves the channels", channels_moved),
        ("out of the middle", squeezed),
        ("dilated 2 times across", uneven),
        ("has no scale", unscaled),
    ]


@pytest.mark.parametrize(("cause", "broken"), _cases())
def test_each_limit_of_the_table_is_named(cause: str, broken: Any) -> None:
    model = TfliteModel()
    source = model.tensor(1, 8, 8, 4)
    output = broken(model, source)
    found = checked(model, [source], [output])
    assert not found.fully_mapped
    assert any(cause in refusal.cause for refusal in found.refusals), found.refusals
    assert all(refusal.fix.endswith(".") and refusal.source for refusal in found.refusals)


def test_weights_that_do_not_fit_are_streamed_and_said() -> None:
    model = TfliteModel()
    features = model.tensor(1, 4096)
    found = checked(model, [features], [model.dense(model.dense(features, 256), 40_000)])
    assert found.fully_mapped
    assert found.cache_mib == pytest.approx(1.0 + 9.77 + 0.6, abs=0.1)
    assert found.streamed_mib is not None
    assert found.streamed_mib > 9.7
    assert "cross the bus for every frame" in found.warnings[0].cause
