"""Which artifact each profile of the catalog gets, by what the source is."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from contract.errors import ModelError
from converters.targets import form_for, saturates, target_for
from converters.ways import WAYS, Origin
from devices.profiles import all_profiles, load_profile, profile_names


@pytest.mark.parametrize(
    ("profile", "origin", "expected"),
    [
        ("rpi4", "tensorflow", "tflite-int8"),
        ("rpi4", "onnx", "onnx-int8"),
        ("rpi4", "tflite-float32", "tflite-int8"),
        ("rpi4", "tflite-uint8", "tflite-int8"),
        ("rpi4", "tflite-dynamic", "tflite-dynamic"),
        ("rpi4", "tflite-int16x8", "tflite-int16x8"),
        ("rpi4", "onnx-int8", "onnx-int8"),
        ("coral-usb", "tensorflow", "tflite-int8"),
        ("coral-usb", "onnx", "tflite-int8"),
        ("coral-usb", "tflite-float16", "tflite-int8"),
        ("jetson-orin-jp6", "tensorflow", "onnx-float32"),
        ("jetson-orin-jp6", "onnx", "onnx-float32"),
        ("jetson-orin-jp6", "tflite-int8", "onnx-float32"),
        ("jetson-orin-jp6", "tflite-dynamic", "tflite-dynamic"),
    ],
)
def test_a_profile_gets_what_it_runs_best(profile: str, origin: Origin, expected: str) -> None:
    target = target_for(load_profile(profile), origin, where="model")
    assert target.recipe == expected
    assert target.why


def test_every_processor_gets_something_of_whatever_there_is() -> None:
    for profile in all_profiles():
        for origin in WAYS:
            if profile.model is None or not profile.model.full_int8:
                assert target_for(profile, origin, where="model").recipe in WAYS[origin]


def test_an_accelerator_of_whole_int8_gets_nothing_else() -> None:
    target = target_for(load_profile("coral-usb"), "tensorflow", where="model")
    assert target.whole_int8
    with pytest.raises(ModelError, match="cannot become what it takes"):
        target_for(load_profile("coral-usb"), "tflite-int16x8", where="model")


def test_a_jetson_may_have_int8_only_as_a_second_and_without_zero_points() -> None:
    target = target_for(load_profile("jetson-orin-jp6"), "tensorflow", where="model")
    assert (target.recipe, target.narrower, target.form.symmetric) == ("onnx-float32", ("onnx-int8",), True)
    assert target_for(load_profile("jetson-orin-jp6"), "tflite-int8", where="model").narrower == ()


def test_the_oldest_tensorrt_gets_the_operators_it_knows() -> None:
    assert form_for(load_profile("jetson-nano")).own_opset == 13
    assert form_for(load_profile("jetson-orin-jp6")).own_opset == 17
    assert form_for(load_profile("rpi4")).symmetric is False


def test_seven_bits_are_for_the_processor_of_the_device_and_no_other() -> None:
    saturating = {name for name in profile_names() if saturates(load_profile(name))}
    assert saturating == {"generic-x86_64", "coral-usb"}
    assert target_for(load_profile("generic-x86_64"), "onnx", where="model").seven_bits_next
    assert not target_for(load_profile("generic-x86_64"), "onnx-int8", where="model").seven_bits_next
    assert not target_for(load_profile("rpi4"), "onnx", where="model").seven_bits_next
    with_vnni = replace(load_profile("generic-x86_64"), int8="vnni")
    assert not target_for(with_vnni, "onnx", where="model").seven_bits_next
