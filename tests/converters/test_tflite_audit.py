"""The audit on real files by others: what is not int8 throughout must be named."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import ModelError
from converters.tflite_audit import audit, problems


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("models/tflite/vww_96_float.tflite", "tensor 'input_1' is FLOAT32"),
        ("models/tflite/vww_96_int8.tflite", "tensor 'input_1_int8' has no fixed size"),
        ("models/tflite/mobilenet_v2_1.0_224_quant.tflite", "tensor 'input' is UINT8"),
        ("models/tflite/keras_lstm_mnist_ptq.tflite", "the input is UINT8"),
        ("models/tflite/mobilenet_v1_0.25_128_quant_edgetpu.tflite", "custom operator 'edgetpu-custom-op'"),
        ("corrupt/models/multi_add_flex.tflite", "custom operator 'FlexAddV2'"),
        ("corrupt/models/empty_model.tflite", "0 inputs, expected one"),
        ("corrupt/models/no_subgraphs.tflite", "0 subgraphs, expected one"),
    ],
)
def test_a_model_that_is_not_int8_throughout_is_named(shared_data: Path, file: str, expected: str) -> None:
    path = shared_data / file
    assert any(expected in problem for problem in problems(path.read_bytes(), where=path.name))
    with pytest.raises(ModelError, match="not a full-int8 model"):
        audit(path.read_bytes(), where=path.name)


@pytest.mark.parametrize("file", ["invalid_model.tflite", "test_model_broken.tflite"])
def test_a_file_that_is_no_model_is_refused(shared_data: Path, file: str) -> None:
    with pytest.raises(ModelError, match="not a TFLite file"):
        audit((shared_data / "corrupt/models" / file).read_bytes(), where=file)


@pytest.mark.parametrize("kept", [8, 60, 1000])
def test_a_file_cut_short_is_refused(shared_data: Path, kept: int) -> None:
    whole = (shared_data / "models/tflite/vww_96_int8.tflite").read_bytes()
    with pytest.raises(ModelError, match="a damaged TFLite file"):
        audit(whole[:kept], where="cut")
