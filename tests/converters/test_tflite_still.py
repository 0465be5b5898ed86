"""Foreign TFLite files as they are, with everything said."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import ModelError
from converters.tflite_audit import audit
from converters.tflite_still import still
from converters.tflite_tree import builtin_code, read_tree


@pytest.mark.parametrize("file", ["vww_96_int8", "mobilenet_v1_0.25_224_float", "coco_ssd_mobilenet_v1_quant_metadata"])
def test_sizes_signature_and_operators_are_said_and_a_second_time_nothing_is_left_to_say(
    shared_data: Path, file: str
) -> None:
    made = still((shared_data / f"models/tflite/{file}.tflite").read_bytes(), where=file)
    tree = read_tree(made, where=file)
    assert tree.signatureDefs[0].signatureKey == b"serving_default"
    assert all(code.builtinCode == builtin_code(code) for code in tree.operatorCodes)
    assert still(made, where=file) == made
    if file == "vww_96_int8":
        audit(made, where=file)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("models/tflite/mobilenet_v1_0.25_128_quant_edgetpu.tflite", "custom operator 'edgetpu-custom-op'"),
        ("corrupt/models/multi_add_flex.tflite", "custom operator 'FlexAddV2'"),
        ("corrupt/models/empty_model.tflite", "no input or no output"),
        ("corrupt/models/no_subgraphs.tflite", "it holds no graph"),
        ("corrupt/models/test_model_broken.tflite", "not a TFLite file"),
    ],
)
def test_what_not_every_runtime_has_is_refused(shared_data: Path, file: str, expected: str) -> None:
    with pytest.raises(ModelError, match=expected):
        still((shared_data / file).read_bytes(), where=file)
