from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from contract.errors import ModelError
from contract.manifest import Classify, DetectBoxes, Manifest, Preprocessing, Quantization
from edge.backends import SUFFIXES, open_backend
from edge.model import LoadedModel, load_model
from edge.pictures import PICTURE_SUFFIXES, read_picture
from tests.edge.colours import DIGEST, LABELS, MODELS, loaded, manifest_of, plain

NORMALISATION: dict[str, dict[str, Any]] = {
    "u8": {},
    "i8": {},
    "pm1": {"mean": (127.5,), "std": (127.5,)},
    "01": {"mean": (0.0,), "std": (255.0,)},
    "0255": {"mean": (0.0,), "std": (1.0,)},
}
"""The ways pixels are fed to the shared models, by `expected.json`'s words; u8 and i8 store the byte itself."""
CLASSIFIERS = [
    "mobilenet_v1_0.25_128_quant",
    "mobilenet_v1_0.5_160_quant",
    "mobilenet_v2_1.0_224_quant",
    "mobilenet_v1_0.25_224_float",
    "cifar10_resnet_int8",
    "vww_96_float",
    "vww_96_int8",
]


def real_model(path: Path, decoding: Any, labels: tuple[str, ...], task: str, **prep: Any) -> LoadedModel:
    backend = open_backend(SUFFIXES[path.suffix], path)
    image = backend.inputs[0]
    planar = image.shape[1] == 3
    height, width = image.shape[2:] if planar else image.shape[1:3]
    if image.quantization is not None and not prep:
        offset = 128 if image.dtype == "int8" else 0
        prep = {"mean": (float(offset + image.quantization.zero_point),), "std": (1 / image.quantization.scale,)}
    manifest = Manifest(
        name="real",
        version=1,
        task=task,  # type: ignore[arg-type]
        profile="generic-x86_64",
        format=SUFFIXES[path.suffix],
        model=path.name,
        inputs=backend.inputs,
        outputs=backend.outputs,
        preprocessing=Preprocessing(size_wh=(width, height), layout="nchw" if planar else "nhwc", **prep),
        decoding=decoding(backend),
        labels=labels,
    )
    return load_model(manifest, DIGEST, path)


def first_output(backend: Any) -> Classify:
    return Classify(scores=backend.outputs[0].name)


@pytest.mark.parametrize(
    "file", ["colours_uint8.tflite", "colours_int8.tflite", "colours_float.tflite", "colours_nchw.onnx"]
)
@pytest.mark.parametrize("colour", LABELS)
@pytest.mark.parametrize("size_wh", [(24, 16), (640, 480)])
def test_each_format_and_type_names_the_colour_it_sees(file: str, colour: str, size_wh: tuple[int, int]) -> None:
    answer = loaded(file).answer(plain(colour, size_wh))
    assert isinstance(answer.classes, tuple)
    assert answer.classes[0].label == colour
    assert answer.classes[0].score > 0.99
    assert answer.times.invoke > 0


def test_answers_do_not_depend_on_the_frame_before() -> None:
    model = loaded("colours_int8.tflite")
    first = model.answer(plain("blue")).classes
    model.answer(plain("red"))
    assert model.answer(plain("blue")).classes == first


def test_a_fitted_frame_gives_the_outputs_of_the_frame_it_was_made_from() -> None:
    model = loaded("colours_uint8.tflite")
    (raw,) = model.outputs_for(plain("green")[:, :, ::-1].copy()).values()
    assert raw.dtype == np.uint8
    assert raw[0].argmax() == LABELS.index("green")


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_real_classifiers_give_an_accepted_answer_to_every_evident_photograph(name: str, shared_data: Path) -> None:
    rows = json.loads((shared_data / "expected.json").read_text())["classify"]
    rows = [row for row in rows if Path(row["model"]).stem == name and row["evident"] and row["accepted_answers"]]
    rows = [row for row in rows if Path(row["image"]).suffix in PICTURE_SUFFIXES]
    assert rows
    model = real_model(shared_data / rows[0]["model"], first_output, (), "classify", **NORMALISATION[rows[0]["input"]])
    for row in rows:
        classes = model.answer(read_picture(shared_data / row["image"])).classes
        assert isinstance(classes, tuple)
        assert classes[0].index in row["accepted_answers"], row["image"]


def test_a_real_onnx_classifier_gives_an_accepted_answer_to_every_photograph(shared_data: Path) -> None:
    expected = json.loads((shared_data / "expected.json").read_text())["onnx_mobilenet_v2_qdq_int8"]
    model = real_model(
        shared_data / "models" / "onnx" / "mobilenet_v2_qdq_int8.onnx",
        first_output,
        (),
        "classify",
        mean=(123.675, 116.28, 103.53),
        std=(58.395, 57.12, 57.375),
    )
    for row in expected["photos"]:
        classes = model.answer(read_picture(shared_data / row["image"])).classes
        assert isinstance(classes, tuple)
        assert classes[0].index in row["accepted_answers"], row["image"]


def boxes(backend: Any) -> DetectBoxes:
    names = [output.name for output in backend.outputs]
    return DetectBoxes(boxes=names[0], classes=names[1], scores=names[2], count=names[3], score_threshold=0.5)


def test_a_real_detector_finds_what_is_known_to_be_there(shared_data: Path) -> None:
    rows = json.loads((shared_data / "expected.json").read_text())["detect"]
    labels = tuple((shared_data / "labels" / "coco_labels.txt").read_text().splitlines())
    model = real_model(shared_data / rows[0]["model"], boxes, labels, "detect")
    for row in rows:
        pixels = read_picture(shared_data / row["image"])
        height, width = pixels.shape[:2]
        detections = model.answer(pixels).detections
        assert isinstance(detections, tuple)
        # Another resampling than the reference's moves scores near the threshold; sure ones must be there.
        for known in (one for one in row["detections"] if one["score"] >= 0.6):
            top, left, bottom, right = known["box_ymin_xmin_ymax_xmax"]
            box = (left * width, top * height, right * width, bottom * height)
            same = [one for one in detections if one.index == known["class_index"]]
            best = max(_overlap(box, one.box_xyxy_px) for one in same)
            assert best > 0.85, (row["image"], known, same)


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return width * height / (areas - width * height)


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
