"""Manifests for the shared third-party models: what their authors say of pixels and outputs, in our words.

Tests and measurements both load them here, so that both speak of the same models.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from contract.decoding import TASKS
from contract.manifest import (
    Classify,
    Decoding,
    DetectBoxes,
    DetectCorners,
    Manifest,
    Preprocessing,
    Segment,
    TensorSpec,
)
from edge.backends import SUFFIXES, open_backend
from edge.model import LoadedModel

DIGEST = "sha256:" + "0" * 64
Outputs = tuple[TensorSpec, ...]


class Known(NamedTuple):
    """What nobody can read off the file."""

    decoding: Callable[[Outputs], Decoding]
    labels: str = ""
    """File in `labels/`."""
    pixels: dict[str, Any] | None = None
    """Normalisation, colour and layout; None where the tensor stores the byte itself."""


def _classes(outputs: Outputs) -> Classify:
    return Classify(scores=outputs[0].name)


def _ready_boxes(outputs: Outputs) -> DetectBoxes:
    boxes, classes, scores, count = (output.name for output in outputs)
    return DetectBoxes(boxes=boxes, classes=classes, scores=scores, count=count, score_threshold=0.5)


def _faces(outputs: Outputs) -> DetectCorners:
    scores, boxes = (output.name for output in outputs)
    return DetectCorners(boxes=boxes, scores=scores, background=0, score_threshold=0.7, iou_threshold=0.3)


def _class_map(outputs: Outputs) -> Segment:
    return Segment(map=outputs[0].name)


_IMAGENET = "imagenet_labels.txt"
KNOWN: dict[str, Known] = {
    "mobilenet_v1_0.25_128_quant": Known(_classes, _IMAGENET),
    "mobilenet_v1_0.5_160_quant": Known(_classes, _IMAGENET),
    "mobilenet_v2_1.0_224_quant": Known(_classes, _IMAGENET),
    "mobilenet_v1_0.25_224_quant_metadata": Known(_classes, _IMAGENET),
    "mobilenet_v1_0.25_224_float": Known(_classes, _IMAGENET, {"mean": (127.5,), "std": (127.5,)}),
    "cifar10_resnet_float": Known(_classes, pixels={"std": (1.0,)}),
    "cifar10_resnet_int8": Known(_classes),
    "vww_96_float": Known(_classes, pixels={}),
    "vww_96_int8": Known(_classes),
    "keras_lstm_mnist_ptq": Known(_classes, pixels={"colour": "grey", "layout": "nhw"}),
    "mnist_cntk": Known(_classes, pixels={"colour": "grey", "layout": "nchw", "std": (1.0,)}),
    "mobilenet_v2_qdq_int8": Known(
        _classes,
        pixels={"layout": "nchw", "mean": (123.675, 116.28, 103.53), "std": (58.395, 57.12, 57.375)},
    ),
    "coco_ssd_mobilenet_v1_quant_metadata": Known(_ready_boxes, "coco_labels.txt"),
    "ultraface_rfb_320": Known(_faces, pixels={"layout": "nchw", "mean": (127.0,), "std": (128.0,)}),
    "deeplabv3_mnv2_dm05_pascal_quant": Known(_class_map, "pascal_voc_segmentation_labels.txt"),
}
"""By the file's name without its suffix."""


def known_model(data: Path, file: str, **changes: Any) -> LoadedModel:
    """One of them from the shared data; `changes` go to its preprocessing, which resizes as their authors did."""
    path = data / file
    known, backend = KNOWN[path.stem], open_backend(SUFFIXES[path.suffix], path)
    labels = (data / "labels" / known.labels).read_text().splitlines() if known.labels else ()
    decoding = known.decoding(backend.outputs)
    manifest = Manifest(
        name="known",
        version=1,
        task=TASKS[type(decoding)],
        profile="generic-x86_64",
        format=SUFFIXES[path.suffix],
        model="model",
        inputs=backend.inputs,
        outputs=backend.outputs,
        preprocessing=_preprocessing(backend.inputs[0], known.pixels, changes),
        decoding=decoding,
        labels=tuple(labels),
    )
    return LoadedModel(manifest, DIGEST, backend)


def _preprocessing(image: TensorSpec, pixels: dict[str, Any] | None, changes: dict[str, Any]) -> Preprocessing:
    if pixels is None:
        assert image.quantization is not None
        offset = 128 if image.dtype == "int8" else 0
        pixels = {"mean": (float(offset + image.quantization.zero_point),), "std": (1 / image.quantization.scale,)}
    planes = image.shape[2:] if pixels.get("layout") == "nchw" else image.shape[1:3]
    return Preprocessing(**{"size_wh": (planes[1], planes[0]), "interpolation": "antialias", **pixels, **changes})
