"""Whether our own way gives the answers that are known for the shared models: `checks` tells it case by case.

Known answers were computed with the stock runtimes and Pillow (`expected.json`); ours go through the preprocessing,
backends and decoders of the device. What counts as given back: the first class is an accepted one, a box lies within
3 pixels and 0.02 of its score, a class covers the same share of the picture within one percent of all pixels, and
where no picture is involved the numbers are the same.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from contract.decoding import Estimate
from contract.manifest import Manifest, Preprocessing, Regress
from contract.result import Detection
from edge.backends import open_backend
from edge.frames import Pixels
from edge.model import LoadedModel
from edge.pictures import read_picture
from edge.postprocess import decode
from scripts.benchmarks._known_models import known_model

BOX_TOLERANCE_PX = 3.0
SCORE_TOLERANCE = 0.02
SHARE_TOLERANCE = 0.01
LOGIT_TOLERANCE = 0.62
"""What the reference pair of the int8 ONNX model is known to differ by on another processor than its author's."""
Checks = Iterator[tuple[str, str]]
"""Case by case: its name, and what is wrong with our answer, or nothing."""


def checks(data: Path, kind: str) -> list[tuple[str, str]]:
    """All cases of a kind, in `KINDS`."""
    return list(KINDS[kind](data, json.loads((data / "expected.json").read_text())))


def _classify(data: Path, expected: dict[str, Any]) -> Checks:
    rows = defaultdict(list)
    for row in expected["classify"]:
        if row["evident"]:
            rows[row["model"]].append(row)
    for file, of_model in rows.items():
        model = known_model(data, file)
        for row in of_model:
            yield f"{Path(file).stem} {row['image']}", _first_class(model, data / row["image"], row["accepted_answers"])


def _onnx_photos(data: Path, expected: dict[str, Any]) -> Checks:
    model = known_model(data, "models/onnx/mobilenet_v2_qdq_int8.onnx")
    for row in expected["onnx_mobilenet_v2_qdq_int8"]["photos"]:
        yield row["image"], _first_class(model, data / row["image"], row["accepted_answers"])


def _onnx_reference_pair(data: Path, expected: dict[str, Any]) -> Checks:
    pair = expected["onnx_mobilenet_v2_qdq_int8"]["reference_pair"]
    backend = open_backend("onnx", data / "models/onnx/mobilenet_v2_qdq_int8.onnx")
    (answer,) = backend.infer({backend.inputs[0].name: _tensor(data / pair["input"])}).values()
    known = _tensor(data / pair["output"])
    apart = float(np.abs(answer - known).max())
    same = answer.argmax() == pair["argmax_of_reference_output"] and apart <= LOGIT_TOLERANCE
    yield "reference pair", "" if same else f"class {answer.argmax()}, {apart:.3f} apart"


def _mnist(data: Path, expected: dict[str, Any]) -> Checks:
    known = expected["onnx_mnist_cntk"]
    model = known_model(data, "models/onnx/mnist_cntk.onnx")
    yield known["image"], _first_class(model, data / known["image"], [known["argmax"]])


def _detect(data: Path, expected: dict[str, Any]) -> Checks:
    model = known_model(data, expected["detect"][0]["model"])
    for row in expected["detect"]:
        pixels = _picture(data / row["image"])
        height, width = pixels.shape[:2]
        known = []
        for one in row["detections"]:
            top, left, bottom, right = (min(max(side, 0.0), 1.0) for side in one["box_ymin_xmin_ymax_xmax"])
            box = (left * width, top * height, right * width, bottom * height)
            known.append((one["class_index"], one["score"], box))
        yield row["image"], _boxes(model, pixels, known, threshold=0.5)


def _faces(data: Path, expected: dict[str, Any]) -> Checks:
    model = known_model(data, expected["faces"][0]["model"])
    for row in expected["faces"]:
        known = [(1, one["score"], tuple(one["box_x1y1x2y2_px"])) for one in row["detections"]]
        yield row["image"], _boxes(model, _picture(data / row["image"]), known, threshold=0.7)


def _segment(data: Path, expected: dict[str, Any]) -> Checks:
    model = known_model(data, "models/tflite/deeplabv3_mnv2_dm05_pascal_quant.tflite")
    for row in expected["segment_deeplab_dm05"]:
        segments = model.answer(_picture(data / row["image"])).decoded.segments
        assert isinstance(segments, tuple)
        found, known = {one.label: one.share for one in segments}, row["pixel_share"]
        apart = max(abs(found.get(label, 0.0) - known.get(label, 0.0)) for label in {*found, *known})
        yield row["image"], "" if apart <= SHARE_TOLERANCE else f"{apart:.4f} of the pixels apart: {found}"


def _regress(data: Path, expected: dict[str, Any]) -> Checks:
    for row in expected["regress_hello_world"]:
        backend = open_backend("tflite", data / "models" / "tflite" / f"{row['model']}.tflite")
        entry = backend.inputs[0]
        outputs = backend.infer({entry.name: np.array([[row["raw_in"]]], entry.dtype)})
        (spec,) = backend.outputs
        manifest = Manifest(
            name="sine",
            version=1,
            task="regress",
            profile="generic-x86_64",
            format="tflite",
            model="model",
            inputs=backend.inputs,
            preprocessing=Preprocessing(size_wh=(1, 1)),
            outputs=backend.outputs,
            decoding=Regress(values=(Estimate(name="sine", output=spec.name),)),
        )
        values = decode(outputs, manifest).values
        assert isinstance(values, tuple)
        # The float rows are written with six decimals, their values with five.
        raw = outputs[spec.name].item()
        right = raw == row["raw_out"] if spec.quantization else round(raw, 6) == row["raw_out"]
        right = right and round(values[0].value, 5) == row["value"]
        yield f"{row['model']} {row['x']}", "" if right else f"{raw} and {values[0].value} for {row['raw_out']}"


def _int16(data: Path, expected: dict[str, Any]) -> Checks:
    for row in expected["golden_int16"]:
        path = data / row["model"]
        backend = open_backend("tflite", path)
        files = sorted(path.parent.glob(f"{path.stem}_input*.csv"))
        inputs = {
            spec.name: _numbers(file).reshape(spec.shape) for spec, file in zip(backend.inputs, files, strict=True)
        }
        (answer,) = backend.infer(inputs).values()
        wrong = int((answer.ravel() != _numbers(data / row["golden"])).sum())
        yield path.stem, f"{wrong} of {answer.size} values" if wrong else ""


KINDS: dict[str, Callable[[Path, dict[str, Any]], Checks]] = {
    "classify": _classify,
    "detect": _detect,
    "faces": _faces,
    "segment": _segment,
    "regress": _regress,
    "int16": _int16,
    "onnx_photos": _onnx_photos,
    "onnx_reference_pair": _onnx_reference_pair,
    "mnist": _mnist,
}


def _first_class(model: LoadedModel, picture: Path, accepted: list[int]) -> str:
    classes = model.answer(_picture(picture)).decoded.classes
    assert isinstance(classes, tuple)
    return "" if classes[0].index in accepted else f"{classes[0]} and not one of {accepted}"


def _boxes(
    model: LoadedModel, pixels: Pixels, known: list[tuple[int, float, tuple[float, ...]]], *, threshold: float
) -> str:
    """Each known box has its own among ours, and ours over the threshold by more than the tolerance are all known."""
    found = model.answer(pixels).decoded.detections
    assert isinstance(found, tuple)
    left = list(found)
    for one in known:
        same = next(filter(partial(_same, one), left), None)
        if same is None:
            return f"{one} is not among {left}"
        left.remove(same)
    extra = [one for one in left if one.score >= threshold + SCORE_TOLERANCE]
    return f"nobody knows {extra}" if extra else ""


def _same(known: tuple[int, float, tuple[float, ...]], ours: Detection) -> bool:
    index, score, box = known
    apart = max(abs(a - b) for a, b in zip(box, ours.box_xyxy_px, strict=True))
    return ours.index == index and abs(ours.score - score) <= SCORE_TOLERANCE and apart <= BOX_TOLERANCE_PX


def _picture(path: Path) -> Pixels:
    if path.suffix != ".rgb":
        return read_picture(path)
    return np.fromfile(path, np.uint8).reshape(224, 224, 3)[:, :, ::-1].copy()


def _numbers(path: Path) -> np.ndarray[Any, np.dtype[np.int16]]:
    return np.loadtxt(path, delimiter=",", dtype=np.int16).ravel()


def _tensor(path: Path) -> np.ndarray[Any, np.dtype[Any]]:
    import onnx

    array: np.ndarray[Any, np.dtype[Any]] = onnx.numpy_helper.to_array(onnx.TensorProto.FromString(path.read_bytes()))
    return array
