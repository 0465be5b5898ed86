"""The table of ways, read for what a table can get wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import ModelError
from converters.make import written_format
from converters.recipe import CALIBRATED, RECIPES, format_of
from converters.ways import STEPS, WAYS, Origin, origin_of, steps_to
from converters.worker import WORK
from tests.converters.making import onnx_network, onnx_source, source


def test_every_step_has_its_work_and_every_way_ends_in_its_format() -> None:
    assert set(STEPS) <= set(WORK)
    for origin, ways in WAYS.items():
        for recipe, way in ways.items():
            assert written_format(way[-1]) == format_of(recipe), (origin, recipe)


def test_each_step_reads_what_the_one_before_it_wrote() -> None:
    for origin, ways in WAYS.items():
        for way in ways.values():
            read = ["saved model" if origin == "tensorflow" else origin.split("-")[0], *map(written_format, way)]
            for step, given in zip(way, read, strict=False):
                assert step.startswith("tensorflow") if given == "saved model" else step.startswith(given), way


def test_whatever_is_floating_point_becomes_everything() -> None:
    for origin in ("tensorflow", "onnx", "tflite-float32", "tflite-float16"):
        assert set(WAYS[origin]) == set(RECIPES)  # type: ignore[index]


def test_ranges_are_chosen_by_a_step_that_sees_pictures() -> None:
    seeing = ("tensorflow-tflite", "tflite-quantise", "onnx-quantise")
    for origin in ("tensorflow", "onnx", "tflite-float32"):
        for recipe in CALIBRATED:
            assert WAYS[origin][recipe][-1] in seeing  # type: ignore[index]


@pytest.mark.parametrize("origin", ["tflite-int8", "tflite-dynamic", "onnx-int8"])
def test_what_was_rounded_away_is_not_made_up(origin: Origin) -> None:
    with pytest.raises(ModelError, match="does not come back") as refused:
        steps_to(origin, "tflite-float32", where="model")
    assert "int8" in refused.value.fix or "dynamic" in refused.value.fix


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("tflite/vww_96_float.tflite", "tflite-float32"),
        ("tflite/vww_96_int8.tflite", "tflite-int8"),
        ("tflite/mobilenet_v2_1.0_224_quant.tflite", "tflite-uint8"),
        ("tflite/keras_lstm_mnist_ptq.tflite", "tflite-int8"),
        ("golden_int16/add16.tflite", "tflite-int16x8"),
        ("onnx/mobilenet_v2_qdq_int8.onnx", "onnx-int8"),
        ("onnx/ultraface_rfb_320.onnx", "onnx"),
    ],
)
def test_a_file_is_what_its_numbers_are(shared_data: Path, file: str, expected: str) -> None:
    path = shared_data / "models" / file
    assert origin_of(source("onnx" if file.endswith("onnx") else "tflite", path, ("any",))) == expected


def test_a_model_of_tensorflow_is_not_opened_for_it(tmp_path: Path) -> None:
    assert origin_of(source("saved-model", tmp_path / "absent", ("any",))) == "tensorflow"
    assert origin_of(onnx_source(onnx_network(tmp_path / "small.onnx"))) == "onnx"
