from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from contract.errors import ModelError
from contract.manifest import Anomaly, Quantization, TensorSpec
from edge.model import LoadedModel, load_model
from edge.pictures import PICTURE_SUFFIXES, read_picture
from edge.quantisation import Tensor
from scripts.benchmarks._known_models import known_model
from tests.edge.colours import DIGEST, LABELS, MODELS, loaded, manifest_of, plain

CLASSIFIERS = [
    "mobilenet_v1_0.25_128_quant",
    "mobilenet_v1_0.5_160_quant",
    "mobilenet_v2_1.0_224_quant",
    "mobilenet_v1_0.25_224_float",
    "cifar10_resnet_int8",
    "vww_96_float",
    "vww_96_int8",
]


@pytest.mark.parametrize(
    "file", ["colours_uint8.tflite", "colours_int8.tflite", "colours_float.tflite", "colours_nchw.onnx"]
)
@pytest.mark.parametrize("colour", LABELS)
@pytest.mark.parametrize("size_wh", [(24, 16), (640, 480)])
def test_each_format_and_type_names_the_colour_it_sees(file: str, colour: str, size_wh: tuple[int, int]) -> None:
    answer = loaded(file).answer(plain(colour, size_wh))
    assert isinstance(answer.decoded.classes, tuple)
    assert answer.decoded.classes[0].label == colour
    assert answer.decoded.classes[0].score > 0.99
    assert answer.times.invoke > 0


def test_answers_do_not_depend_on_the_frame_before() -> None:
    model = loaded("colours_int8.tflite")
    first = model.answer(plain("blue")).decoded.classes
    model.answer(plain("red"))
    assert model.answer(plain("blue")).decoded.classes == first


def test_a_fitted_frame_gives_the_outputs_of_the_frame_it_was_made_from() -> None:
    model = loaded("colours_uint8.tflite")
    (raw,) = model.outputs_for(plain("green")[:, :, ::-1].copy()).values()
    assert raw.dtype == np.uint8
    assert raw[0].argmax() == LABELS.index("green")


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_quick_resize_also_leads_real_classifiers_to_an_accepted_answer(name: str, shared_data: Path) -> None:
    rows = json.loads((shared_data / "expected.json").read_text())["classify"]
    rows = [row for row in rows if Path(row["model"]).stem == name and row["evident"] and row["accepted_answers"]]
    rows = [row for row in rows if Path(row["image"]).suffix in PICTURE_SUFFIXES]
    assert rows
    model = known_model(shared_data, rows[0]["model"], interpolation="linear")
    for row in rows:
        classes = model.answer(read_picture(shared_data / row["image"])).decoded.classes
        assert isinstance(classes, tuple)
        assert classes[0].index in row["accepted_answers"], row["image"]


class Echo:
    """A backend whose model draws its input again, a tenth brighter; in its own buffer or without one."""

    name = "echo"

    def __init__(self, *, own_buffer: bool) -> None:
        self.inputs = (TensorSpec(name="picture", shape=(1, 16, 24, 3), dtype="float32"),)
        self.outputs = (TensorSpec(name="drawn", shape=(1, 16, 24, 3), dtype="float32"),)
        self._buffer = np.zeros((1, 16, 24, 3), np.float32) if own_buffer else None

    def infer(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        seen = tensors.get("picture", self._buffer)
        assert seen is not None
        drawn = seen + np.float32(0.1)
        seen[:] = 7.0
        return {"drawn": drawn}

    def input_view(self, name: str) -> Tensor | None:
        assert name == "picture"
        return self._buffer

    def close(self) -> None:
        """Nothing to give back."""


@pytest.mark.parametrize("own_buffer", [False, True])
def test_a_reconstruction_is_compared_with_the_input_as_it_was_before_inference(own_buffer: bool) -> None:
    backend = Echo(own_buffer=own_buffer)
    manifest = msgspec.structs.replace(
        manifest_of(),
        task="anomaly",
        inputs=backend.inputs,
        outputs=backend.outputs,
        decoding=Anomaly(output="drawn", measure="mean-absolute-error", threshold=0.05),
    )
    (value,) = LoadedModel(manifest, DIGEST, backend).answer(plain("red")).decoded.values or ()
    assert value.value == pytest.approx(0.1, abs=1e-6)
    assert value.alarm


@pytest.mark.parametrize(
    "change",
    [
        {"shape": (1, 16, 16, 3)},
        {"dtype": "int8"},
        {"name": "another"},
        {"quantization": Quantization(scale=0.5, zero_point=0)},
        {"quantization": None},
    ],
)
def test_a_file_that_is_not_what_the_manifest_promises_is_refused(change: dict[str, Any]) -> None:
    manifest = manifest_of()
    promised = msgspec.structs.replace(manifest.inputs[0], **change)
    with pytest.raises(ModelError, match=r"the manifest promises .* and the file has"):
        load_model(msgspec.structs.replace(manifest, inputs=(promised,)), DIGEST, MODELS / "colours_uint8.tflite")
