"""Where tensors lie: exactly the bytes the formats' own libraries give, and nothing for a damaged file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from converters.tensor_places import tensor_places
from converters.tflite_tree import read_tree

MODELS = Path(__file__).parent.parent / "data" / "models"
TFLITE, ONNX = sorted(MODELS.glob("*.tflite")), sorted(MODELS.glob("*.onnx"))


@pytest.mark.parametrize("path", TFLITE, ids=lambda path: path.name)
def test_the_buffers_of_a_tflite_file(path: Path) -> None:
    model = path.read_bytes()
    expected = [bytes(b.data) for b in read_tree(model, where=path.name).buffers if b.data is not None and len(b.data)]
    found = [model[place.start : place.end] for place in tensor_places(model, "tflite")]
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize("path", ONNX, ids=lambda path: path.name)
def test_the_initializers_of_an_onnx_file(path: Path) -> None:
    import onnx

    model = path.read_bytes()
    initializers = onnx.load_from_string(model).graph.initializer
    expected = {tensor.name: tensor.raw_data for tensor in initializers if tensor.raw_data}
    found = {place.name: model[place.start : place.end] for place in tensor_places(model, "onnx")}
    assert found == expected


def test_a_damaged_file_has_fewer_or_none_and_all_within_it() -> None:
    model = bytearray(TFLITE[0].read_bytes())
    random = np.random.default_rng(2)
    assert tensor_places(b"", "tflite") == tensor_places(b"", "onnx") == tensor_places(b"\xff" * 100, "onnx") == []
    for _ in range(300):
        spoilt = bytearray(model)
        spoilt[random.integers(len(model))] = random.integers(256)
        after = 0
        for place in tensor_places(bytes(spoilt), "tflite"):
            assert after <= place.start < place.end <= len(spoilt)
            after = place.end
