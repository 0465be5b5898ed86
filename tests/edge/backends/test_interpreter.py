from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from contract.errors import BackendError
from contract.manifest import Quantization
from edge.backends import open_backend
from tests.edge.colours import MODELS


def test_tensors_are_told_in_the_manifests_words() -> None:
    backend = open_backend("tflite", MODELS / "colours_int8.tflite")
    (image,), (scores,) = backend.inputs, backend.outputs
    assert (image.shape, image.dtype) == ((1, 16, 24, 3), "int8")
    assert image.quantization == Quantization(scale=float(np.float32(1 / 255)), zero_point=-128)
    assert (scores.shape, scores.dtype) == ((1, 3), "int8")
    assert scores.quantization == Quantization(scale=1 / 256, zero_point=-128)
    assert backend.name.startswith("ai-edge-litert 2.")


def test_what_is_written_into_the_view_is_what_is_inferred() -> None:
    backend = open_backend("tflite", (MODELS / "colours_uint8.tflite").read_bytes())
    image, scores = backend.inputs[0], backend.outputs[0].name
    blue = np.zeros(image.shape, np.uint8)
    blue[..., 2] = 255
    handed_over = backend.infer({image.name: blue})[scores]
    backend.infer({image.name: np.zeros_like(blue)})
    view = backend.input_view(image.name)
    assert view is not None
    view[...] = blue
    del view
    assert (backend.infer({})[scores] == handed_over).all()
    assert handed_over[0].argmax() == 2


def test_answers_belong_to_the_caller() -> None:
    backend = open_backend("tflite", MODELS / "colours_uint8.tflite")
    image, scores = backend.inputs[0], backend.outputs[0].name
    first = backend.infer({image.name: np.zeros(image.shape, np.uint8)})[scores]
    before = first.copy()
    red = np.zeros(image.shape, np.uint8)
    red[..., 0] = 255
    backend.infer({image.name: red})
    assert (first == before).all()


@pytest.mark.parametrize("array", [np.zeros((1, 16, 24, 3), np.float32), np.zeros((1, 3, 16, 24), np.uint8)])
def test_a_tensor_of_another_type_or_shape_is_refused(array: np.ndarray) -> None:
    backend = open_backend("tflite", MODELS / "colours_uint8.tflite")
    with pytest.raises(BackendError, match="Cannot set tensor"):
        backend.infer({backend.inputs[0].name: array})


def test_an_input_the_model_does_not_have_is_named() -> None:
    backend = open_backend("tflite", MODELS / "colours_uint8.tflite")
    with pytest.raises(BackendError, match="no input 'elsewhere'"):
        backend.infer({"elsewhere": np.zeros((1, 16, 24, 3), np.uint8)})


@pytest.mark.parametrize("name", ["add16", "conv10", "leaky_relu11"])
def test_int16_models_give_their_known_answers(name: str, shared_data: Path) -> None:
    import json

    row = next(r for r in json.loads((shared_data / "expected.json").read_text())["golden_int16"] if name in str(r))
    folder = shared_data / "models" / "golden_int16"
    backend = open_backend("tflite", next(folder.glob(f"*{name}*.tflite")))
    assert row
    files = sorted(folder.glob(f"*{name}*input*.csv"))
    tensors = {
        spec.name: np.loadtxt(file, delimiter=",", dtype=np.int16).reshape(spec.shape)
        for spec, file in zip(backend.inputs, files, strict=True)
    }
    known = np.loadtxt(next(folder.glob(f"*{name}*golden*.csv")), delimiter=",", dtype=np.int16)
    (answer,) = backend.infer(tensors).values()
    assert (answer.ravel() == known.ravel()).all()


def test_a_memory_inside_an_operator_does_not_reach_from_one_frame_to_the_next(shared_data: Path) -> None:
    backend = open_backend("tflite", shared_data / "models/tflite/keras_lstm_mnist_ptq.tflite")
    (image,), (scores,) = backend.inputs, backend.outputs
    one, other = (np.random.default_rng(seed).integers(0, 255, image.shape, np.uint8) for seed in (0, 1))
    alone = backend.infer({image.name: one})[scores.name]
    backend.infer({image.name: other})
    assert (backend.infer({image.name: one})[scores.name] == alone).all()
