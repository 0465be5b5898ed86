from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from contract.errors import BackendError, ModelError
from edge.backends import SUFFIXES, describe, open_backend
from tests.edge.colours import MODELS

pytest.importorskip("openvino", reason="openvino is not installed")

REAL = ["tflite/vww_96_int8.tflite", "tflite/mobilenet_v1_0.25_128_quant.tflite", "onnx/ultraface_rfb_320.onnx"]


@pytest.mark.parametrize("as_bytes", [True, False])
@pytest.mark.parametrize("file", sorted(path.name for path in MODELS.iterdir() if path.suffix in SUFFIXES))
def test_it_has_the_same_tensors_and_the_same_answers_as_the_first_library(file: str, as_bytes: bool) -> None:
    path = MODELS / file
    format = SUFFIXES[path.suffix]
    backend = open_backend(format, path.read_bytes() if as_bytes else path, device="openvino")
    first = open_backend(format, path, device="cpu")
    assert backend.name.startswith("openvino 20")
    for ours, theirs in zip((*backend.inputs, *backend.outputs), (*first.inputs, *first.outputs), strict=True):
        assert (ours.name, ours.shape, ours.dtype) == (theirs.name, theirs.shape, theirs.dtype)
    spec = backend.inputs[0]
    rng = np.random.default_rng(5)
    for _ in range(5):
        pixels = rng.integers(0, 100, spec.shape).astype(spec.dtype)
        answer, expected = backend.infer({spec.name: pixels}), first.infer({spec.name: pixels})
        for name, values in expected.items():
            # One quantisation step, or float32 rounding of sums in another order.
            tolerance = 1 if values.dtype.kind in "iu" else 1e-4 * np.abs(values).max()
            assert np.abs(answer[name].astype(np.float64) - values).max() <= tolerance


@pytest.mark.parametrize("file", REAL)
def test_real_models_are_opened_and_answer(file: str, shared_data: Path) -> None:
    path = shared_data / "models" / file
    backend = open_backend(SUFFIXES[path.suffix], path, device="openvino", threads=2)
    state = describe(backend)
    assert (state.library, state.device, state.threads, state.fallback) == ("openvino", "openvino", 2, None)
    assert {name: answer.shape for name, answer in backend.infer({}).items()} == {
        spec.name: spec.shape for spec in backend.outputs
    }
    backend.close()


def test_what_is_written_into_the_view_is_what_is_inferred_and_answers_are_kept() -> None:
    backend = open_backend("onnx", MODELS / "colours_nchw.onnx", device="openvino")
    view = backend.input_view("picture")
    assert view is not None
    view[...] = 0
    view[0, 1] = 1.0
    first = backend.infer({})["logits"]
    view[...] = 0
    backend.infer({})
    assert first.tolist() == [[0.0, 8.0, 0.0]]


@pytest.mark.parametrize("array", [np.zeros((1, 16, 24, 3), np.float32), np.zeros((1, 3, 16, 24), np.uint8)])
def test_a_tensor_of_another_type_or_shape_is_refused(array: np.ndarray) -> None:
    backend = open_backend("tflite", MODELS / "colours_uint8.tflite", device="openvino")
    with pytest.raises(BackendError, match=r"is uint8\[1, 16, 24, 3\], not"):
        backend.infer({backend.inputs[0].name: array})
    with pytest.raises(BackendError, match="no input 'elsewhere'"):
        backend.infer({"elsewhere": array})


def test_an_operator_it_does_not_know_leaves_the_cpu_and_says_so(shared_data: Path) -> None:
    path = shared_data / "models" / "tflite" / "coco_ssd_mobilenet_v1_quant_metadata.tflite"
    state = describe(open_backend("tflite", path, device="openvino"))
    assert state.device == "cpu"
    assert state.fallback is not None
    assert "not a model OpenVINO can run" in state.fallback.cause


@pytest.mark.parametrize("file", ["invalid_model.tflite", "no_subgraphs.tflite", "corrupt-model.onnx"])
def test_a_file_that_is_no_model_is_refused(file: str, shared_data: Path) -> None:
    path = shared_data / "corrupt" / "models" / file
    with pytest.raises(ModelError):
        open_backend(SUFFIXES[path.suffix], path, device="openvino")
    with pytest.raises(ModelError):
        open_backend(SUFFIXES[path.suffix], path.read_bytes(), device="openvino")
