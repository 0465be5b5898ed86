"""Compiled files by the real compiler, read and held against the prediction."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from contract.errors import ModelError
from converters.preflight.compiled import differences, read_compiled
from converters.preflight.edgetpu import preflight_edgetpu
from converters.preflight.edgetpu_memory import parameters_bytes
from converters.tflite_graph import read_graph
from devices.profiles import load_profile

TFLITE = "models/tflite"
CACHED = {"mobilenet_v1_0.25_128_quant": 566_912, "mobilenet_v1_0.5_160_quant": 1_473_280}


def test_the_prediction_holds_for_every_twin(shared_data: Path) -> None:
    for pair in json.loads((shared_data / "expected.json").read_text())["edgetpu_mapping"]:
        compiled = read_compiled((shared_data / pair["twin"]).read_bytes())
        assert compiled.left_on_cpu == pair["left_on_cpu"]
        predicted = preflight_edgetpu((shared_data / pair["model"]).read_bytes(), load_profile("coral-usb"))
        assert list(differences(predicted, compiled)) == []


@pytest.mark.parametrize(("name", "expected"), CACHED.items())
def test_the_weights_on_the_chip_are_read_and_predicted(shared_data: Path, name: str, expected: int) -> None:
    compiled = read_compiled((shared_data / TFLITE / f"{name}_edgetpu.tflite").read_bytes())
    assert (compiled.cached_bytes, compiled.streamed_bytes) == (expected, 0)
    graph = read_graph((shared_data / TFLITE / f"{name}.tflite").read_bytes(), where=name)
    # The layout was found on these files; 1.5 % is how near it came.
    assert parameters_bytes(graph.operators)[0] == pytest.approx(expected, rel=0.015)


def test_a_difference_is_told_in_words(shared_data: Path) -> None:
    deeplab = shared_data / TFLITE / "deeplabv3_mnv2_dm05_pascal_quant.tflite"
    predicted = preflight_edgetpu(deeplab.read_bytes(), load_profile("coral-usb"))
    compiled = read_compiled(deeplab.with_name("deeplabv3_mnv2_dm05_pascal_quant_edgetpu.tflite").read_bytes())
    other = replace(compiled, parts=2, left_on_cpu={"ARG_MAX": 1, "CONV_2D": 5}, cached_bytes=10 * 1024**2)
    told = list(differences(predicted, other))
    assert "predicted 1 part on the Edge TPU, compiled 2" in told
    assert "predicted 2 CONV_2D on the CPU, the compiler left 5" in told
    assert "predicted 3 RESIZE_BILINEAR on the CPU, the compiler left 0" in told
    assert any("compiled to 10.00 MiB" in sentence for sentence in told)


def test_a_model_that_was_not_compiled_is_refused(shared_data: Path) -> None:
    with pytest.raises(ModelError, match="no Edge TPU operator"):
        read_compiled((shared_data / TFLITE / "vww_96_int8.tflite").read_bytes())


def test_a_damaged_program_is_refused(shared_data: Path) -> None:
    model = bytearray((shared_data / TFLITE / "keras_lstm_mnist_ptq_edgetpu.tflite").read_bytes())
    place = model.index(b"DWN1")
    model[place - 4 : place] = b"\xff\xff\xff\x7f"
    with pytest.raises(ModelError, match="damaged"):
        read_compiled(bytes(model))
