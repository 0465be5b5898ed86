from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from contract.errors import ModelError
from edge.backends import SUFFIXES, open_backend
from edge.model import LoadedModel
from edge.stand_in import stand_in_manifest
from tests.edge.colours import MODELS, plain


@pytest.mark.parametrize("file", [file.name for file in sorted(MODELS.iterdir())])
def test_a_bare_model_can_be_fed_a_picture(file: str) -> None:
    path = MODELS / file
    backend = open_backend(SUFFIXES[path.suffix], path)
    model = LoadedModel(stand_in_manifest(backend, SUFFIXES[path.suffix], file), "", backend)
    classes = model.answer(plain("green")).decoded.classes
    assert isinstance(classes, tuple)
    assert classes[0].index == 1


@pytest.mark.parametrize(("file", "offset"), [("colours_uint8.tflite", 0), ("colours_int8.tflite", -128)])
def test_its_pixels_are_stored_as_they_are(file: str, offset: int) -> None:
    backend = open_backend("tflite", MODELS / file)
    model = LoadedModel(stand_in_manifest(backend, "tflite", file), "", backend)
    spec = backend.inputs[0]
    out = np.empty(spec.shape, spec.dtype)
    pixels = np.random.default_rng(0).integers(0, 256, spec.shape[1:], np.uint8)
    model.preprocessor.write_fitted(pixels, out)
    assert (out[0] == pixels.astype(int) + offset).all()


def test_a_model_that_takes_no_picture_is_refused(shared_data: Path) -> None:
    for path, reason in (
        (shared_data / "models" / "tflite" / "hello_world_int8.tflite", "no picture fits"),
        (shared_data / "models" / "golden_int16" / "add16.tflite", "2 inputs"),
        (shared_data / "corrupt" / "models" / "empty_model.tflite", "0 inputs"),
    ):
        backend = open_backend("tflite", path)
        with pytest.raises(ModelError, match=reason):
            stand_in_manifest(backend, "tflite", path.name)


def test_a_grey_picture_without_an_axis_for_channels_can_be_timed(shared_data: Path) -> None:
    backend = open_backend("tflite", shared_data / "models" / "tflite" / "keras_lstm_mnist_ptq.tflite")
    manifest = stand_in_manifest(backend, "tflite", "lstm")
    assert (manifest.preprocessing.layout, manifest.preprocessing.colour) == ("nhw", "grey")
    assert LoadedModel(manifest, "", backend).answer(plain("green", (28, 28))).decoded.classes
