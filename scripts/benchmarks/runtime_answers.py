"""Whether the device's own way gives the known answers back, and what each decoder takes to say what outputs mean.

Outputs to decode are of the usual sizes, with as many things in them as a busy street has.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from contract.decoding import TASKS, AnchorGrid, Decoding, Estimate
from contract.manifest import (
    Classify,
    DetectAnchors,
    DetectBoxes,
    DetectCorners,
    DetectGrid,
    DetectHeatmap,
    Keypoints,
    Manifest,
    Preprocessing,
    Regress,
    Segment,
    TensorSpec,
)
from edge.postprocess import decoder_for
from scripts.benchmarks._known_answers import KINDS, checks
from scripts.benchmarks.figure import Figure

_ROOT = Path(__file__).resolve().parents[2]
_THINGS = 20
"""Sure of in each output; each with a few neighbours that see it too."""
Tensors = dict[str, np.ndarray[Any, np.dtype[Any]]]


def figures(short: bool) -> dict[str, Figure]:
    """Shares of known answers by kind, where the shared data is there, and decode times."""
    data = Path(os.environ.get("EDGEFERRY_SHARED_DATA", _ROOT.parent / "shared" / "data"))
    shares = {f"answers_{kind}": _share(data, kind) for kind in KINDS} if (data / "expected.json").is_file() else {}
    rounds = 50 if short else 300
    return shares | {f"decode_{name}": _decode_us(make, rounds) for name, make in _OUTPUTS.items()}


def _share(data: Path, kind: str) -> Figure:
    results = checks(data, kind)
    share = sum(not wrong for _, wrong in results) / len(results)
    return Figure(share, f"of {len(results)} known answers", "at least 1", share >= 1.0)


def _decode_us(make: Callable[[], tuple[Decoding, Tensors]], rounds: int) -> Figure:
    decoding, outputs = make()
    manifest = Manifest(
        name="timed",
        version=1,
        task=TASKS[type(decoding)],
        profile="generic-x86_64",
        format="onnx",
        model="model.onnx",
        inputs=(TensorSpec(name="picture", shape=(1, 640, 640, 3), dtype="uint8"),),
        preprocessing=Preprocessing(size_wh=(640, 640), resize="letterbox"),
        outputs=tuple(
            TensorSpec(name=name, shape=array.shape, dtype=array.dtype.name)  # type: ignore[arg-type]
            for name, array in outputs.items()
        ),
        decoding=decoding,
    )
    decoder = decoder_for(manifest)
    times = []
    for _ in range(rounds):
        began = perf_counter()
        decoder.decode(outputs, (1280, 720))
        times.append(perf_counter() - began)
    return Figure(median(times) * 1e6, f"us, median of {rounds}")


def _random() -> np.random.Generator:
    return np.random.default_rng(0)


def _scores(boxes: int, classes: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Mostly nothing; each thing is seen by five boxes in a row."""
    random = _random()
    scores = random.random((boxes, classes), np.float32) * 0.1
    for start in random.choice(boxes // 5, _THINGS, replace=False) * 5:
        scores[start : start + 5, random.integers(classes)] = 0.5 + 0.4 * random.random(5)
    return scores


def _boxes(boxes: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Centre and size in 0..1; five in a row lie nearly on each other."""
    random = _random()
    centres = np.repeat(0.1 + 0.8 * random.random((boxes // 5 + 1, 2), np.float32), 5, axis=0)[:boxes]
    return np.concatenate((centres, np.full((boxes, 2), 0.1, np.float32)), axis=1)


def _grid() -> tuple[Decoding, Tensors]:
    table = np.concatenate((_boxes(8400) * 640, _scores(8400, 80)), axis=1)
    return DetectGrid(boxes="all", layout="columns"), {"all": table.T[None].copy()}


def _yolox() -> tuple[Decoding, Tensors]:
    scores = _scores(8400, 80)
    there = scores.max(axis=1, keepdims=True)
    table = np.concatenate((np.zeros((8400, 4), np.float32), there, scores), axis=1)
    decoding = DetectGrid(boxes="all", encoding="yolox", strides=(8, 16, 32), objectness=True)
    return decoding, {"all": table[None].copy()}


def _corners() -> tuple[Decoding, Tensors]:
    boxes = _boxes(4420)
    corners = np.concatenate((boxes[:, :2] - 0.05, boxes[:, :2] + 0.05), axis=1)
    faces = _scores(4420, 1)
    scores = np.concatenate((1 - faces, faces), axis=1)
    decoding = DetectCorners(boxes="boxes", scores="scores", background=0)
    return decoding, {"boxes": corners[None].copy(), "scores": scores[None].copy()}


def _anchors() -> tuple[Decoding, Tensors]:
    cells = (19, 10, 5, 3, 2, 1)
    sizes = ((0.1, 0.1), (0.1, 0.2), (0.2, 0.1), (0.2, 0.2), (0.1, 0.3), (0.3, 0.1))
    grids = tuple(AnchorGrid(cells_wh=(n, n), sizes_wh=sizes[: 3 if n == 19 else 6]) for n in cells)
    count = sum(grid.count for grid in grids)
    logits = np.log(_scores(count, 91) / (1 - _scores(count, 91)) + np.float32(1e-6))
    decoding = DetectAnchors(boxes="boxes", scores="scores", anchors=grids)
    return decoding, {"boxes": np.zeros((1, count, 4), np.float32), "scores": logits[None].copy()}


def _heatmap() -> tuple[Decoding, Tensors]:
    heat = _scores(128 * 128, 80).reshape(1, 128, 128, 80)
    pairs = np.ones((1, 128, 128, 2), np.float32)
    return DetectHeatmap(heatmap="heat", sizes="sizes", offsets="offsets"), {
        "heat": heat,
        "sizes": pairs * 8,
        "offsets": pairs * 0.5,
    }


def _ready_boxes() -> tuple[Decoding, Tensors]:
    decoding = DetectBoxes(boxes="boxes", classes="classes", scores="scores", count="count")
    scores = np.linspace(0.9, 0.1, 10, dtype=np.float32)[None]
    boxes = np.random.default_rng(0).random((1, 10, 4), np.float32)
    count = np.array([10], np.float32)
    return decoding, {"boxes": boxes, "classes": np.zeros((1, 10), np.float32), "scores": scores, "count": count}


def _class_map() -> tuple[Decoding, Tensors]:
    return Segment(map="map"), {"map": _random().integers(0, 21, (1, 513, 513))}


def _class_scores() -> tuple[Decoding, Tensors]:
    scores = _random().integers(-128, 128, (1, 257, 257, 21)).astype(np.int8)
    return Segment(map="map", form="scores"), {"map": scores}


def _points() -> tuple[Decoding, Tensors]:
    return Keypoints(points="points"), {"points": _random().random((1, 1, 17, 3), np.float32)}


def _value() -> tuple[Decoding, Tensors]:
    return Regress(values=(Estimate(name="value", output="out"),)), {"out": np.ones((1, 1), np.float32)}


def _classes() -> tuple[Decoding, Tensors]:
    return Classify(scores="scores"), {"scores": _scores(1000, 1).reshape(1, 1000)}


_OUTPUTS: dict[str, Callable[[], tuple[Decoding, Tensors]]] = {
    "classify_1000": _classes,
    "ready_boxes_10": _ready_boxes,
    "corners_4420x2": _corners,
    "anchors_1917x91": _anchors,
    "yolo_8400x84": _grid,
    "yolox_8400x85": _yolox,
    "heatmap_128x128x80": _heatmap,
    "class_map_513": _class_map,
    "class_scores_257x21": _class_scores,
    "keypoints_17": _points,
    "value": _value,
}
