"""Where an 8-bit model loses what it loses: planted in one layer, and found there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx

from contract.manifest import Preprocessing
from converters.layer_errors import layer_errors, worst
from converters.make import make
from converters.tflite_audit import left_in_float
from tests.converters.making import onnx_network, onnx_source, source


def quiet(_: str) -> None:
    """Nobody listens."""


def test_a_layer_whose_weights_were_spoilt_is_named_first_and_is_better_in_float(tmp_path: Path) -> None:
    path = onnx_network(tmp_path / "a.onnx")
    model = onnx.load(str(path))
    weight = next(tensor for tensor in model.graph.initializer if tensor.name == "third")
    values = onnx.numpy_helper.to_array(weight).copy()
    values[0] *= 1000.0  # one input channel so large that the others are rounded to nothing
    weight.CopyFrom(onnx.numpy_helper.from_array(values, "third"))
    onnx.save(model, str(path))
    given = onnx_source(path)
    made = make(given, ["onnx-float32", "onnx-int8"], tmp_path, say=quiet)
    frames = tmp_path / "calibration.npy"
    errors = layer_errors(given, "onnx-int8", made["onnx-float32"], made["onnx-int8"], frames, tmp_path)
    assert {error.name for error in errors} >= {"Conv_0", "MatMul_5"}
    first = worst(errors, 1)
    assert errors[0].operator in ("MatMul", "GlobalAveragePool")
    mixed = make(given, ["onnx-int8"], tmp_path, keep_float=("MatMul_5",), say=quiet)["onnx-int8"]
    again = layer_errors(given, "onnx-int8", made["onnx-float32"], mixed, frames, tmp_path)
    assert first
    before, after = ({e.name: e.sqnr_db for e in each}["MatMul_5"] for each in (errors, again))
    assert after > before


def test_layers_of_a_tflite_file_bear_the_names_that_keep_them_in_float(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "models/tflite/vww_96_float.tflite"
    given = source("tflite", path, ("Identity",), Preprocessing(size_wh=(96, 96)))
    made = make(given, ["tflite-float32", "tflite-int8"], tmp_path, say=quiet)
    frames = tmp_path / "calibration.npy"
    errors = layer_errors(given, "tflite-int8", made["tflite-float32"], made["tflite-int8"], frames, tmp_path)
    assert errors[0].added_noise == max(error.added_noise for error in errors)
    assert np.isfinite([error.sqnr_db for error in errors]).all()
    chosen = worst(errors, 2)
    mixed = make(given, ["tflite-int8"], tmp_path, keep_float=chosen, say=quiet)["tflite-int8"]
    assert sum(left_in_float(mixed.read_bytes(), where="mixed").values()) == 2
