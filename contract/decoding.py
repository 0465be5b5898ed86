"""What a model's outputs mean: one frozen struct an output format, told apart by `kind`.

Nothing is guessed from the graph: which tensor is which, in what order and unit its numbers come, and what turns them
into scores is said here. `edge/decoders/` carries it out, one file a format. Newer minor versions may add kinds and
fields with defaults; what is here keeps its meaning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct

Task = Literal["classify", "detect", "segment", "keypoints", "regress", "anomaly"]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]
LARGEST = 2**31 - 1
"""What every database, tensor library and 32-bit processor on the way can hold."""
Whole = Annotated[int, Meta(ge=-LARGEST - 1, le=LARGEST)]
Positive = Annotated[int, Meta(ge=1, le=LARGEST)]
Index = Annotated[int, Meta(ge=0, le=LARGEST)]
Above0 = Annotated[float, Meta(gt=0.0)]
Shape = tuple[int, ...]


class Classify(Struct, frozen=True, kw_only=True, tag="classify", tag_field="kind"):
    """One score a class."""

    scores: str
    """Name of the output tensor, shape (1, classes)."""
    activation: Literal["none", "softmax", "sigmoid"] = "none"
    """What turns the tensor into scores 0..1: `none` where the graph ends with it already."""
    top_k: Positive = 5
    threshold: Share = 0.0


class DetectBoxes(Struct, frozen=True, kw_only=True, tag="detect-boxes", tag_field="kind"):
    """Ready boxes, as `TFLite_Detection_PostProcess` gives them: (1, N, 4) ymin xmin ymax xmax in 0..1."""

    boxes: str
    classes: str
    scores: str
    count: str | None = None
    score_threshold: Share = 0.4
    class_offset: Whole = 0
    """Added to the tensor's class number to give the label's index."""


class Selection(Struct, frozen=True, kw_only=True):
    """How few of many boxes become detections: what the formats have in common that give a box a place and no more.

    Each place counts with its best class; boxes of one class that overlap more than `iou_threshold` are one thing.
    """

    score_threshold: Share = 0.4
    iou_threshold: Share = 0.5
    """Intersection over union; 1 keeps every box."""
    max_candidates: Positive = 1000
    """So many of the best are compared with one another, which bounds the work on a picture full of things."""
    max_detections: Positive = 100
    class_offset: Whole = 0
    """Added to the tensor's class number to give the label's index; -1 where a background class comes first."""


class DetectCorners(Selection, frozen=True, kw_only=True, tag="detect-corners", tag_field="kind"):
    """Boxes as corners, (1, N, 4), and class scores (1, N, C); overlaps still to be removed. UltraFace, for one."""

    boxes: str
    scores: str
    order: Literal["xyxy", "yxyx"] = "xyxy"
    unit: Literal["share", "pixels"] = "share"
    """0..1 of the model's picture, or its pixels."""
    activation: Literal["none", "softmax", "sigmoid"] = "none"
    background: Index | None = None
    """The class that means nothing is there."""


class AnchorGrid(Struct, frozen=True, kw_only=True):
    """One feature map's anchors: every box of `sizes_wh` around the centre of every cell, rows before columns."""

    cells_wh: tuple[Positive, Positive]
    sizes_wh: tuple[tuple[Above0, Above0], ...]
    """Width and height in 0..1 of the model's picture, in the order in which one cell's boxes follow each other."""

    @property
    def count(self) -> int:
        """How many boxes."""
        return self.cells_wh[0] * self.cells_wh[1] * len(self.sizes_wh)


class DetectAnchors(Selection, frozen=True, kw_only=True, tag="detect-anchors", tag_field="kind"):
    """Raw SSD: offsets (1, N, 4) from anchors and class scores (1, N, C), as the TF object detection API trains them.

    centre = offset / scale * anchor size + anchor centre; size = exp(offset / scale) * anchor size (its
    `faster_rcnn_box_coder.py`). Anchors are said as grids, so that a bundle needs no further member: a converter
    writes one grid a feature map, finest first, with the sizes its generator computes.
    """

    boxes: str
    scores: str
    anchors: tuple[AnchorGrid, ...]
    order: Literal["yxhw", "xywh"] = "yxhw"
    scales_xywh: tuple[Above0, Above0, Above0, Above0] = (10.0, 10.0, 5.0, 5.0)
    """What training multiplied the offsets of x, y, width, height by, whatever `order` says."""
    activation: Literal["none", "softmax", "sigmoid"] = "sigmoid"
    background: Index | None = 0


class DetectGrid(Selection, frozen=True, kw_only=True, tag="detect-grid", tag_field="kind"):
    """An anchor-free head: one box a cell of some grids. YOLOX, YOLOv8 and later ones without their own NMS.

    One tensor of 4 box numbers, objectness where there is one, and C class scores; or `boxes` with the 4 alone and
    `scores` beside it. `rows` is (1, N, 4 + C), `columns` (1, 4 + C, N), for both tensors.
    """

    boxes: str
    scores: str | None = None
    layout: Literal["rows", "columns"] = "rows"
    encoding: Literal["xywh", "xyxy", "yolox"] = "xywh"
    """Centre and size; corners; or YOLOX's raw head: (number + cell) * stride and exp(number) * stride, in pixels."""
    unit: Literal["pixels", "share"] = "pixels"
    """Of the model's picture."""
    strides: tuple[Positive, ...] = ()
    """For `yolox`: pixels a cell of each grid, in the order of the boxes; usually 8, 16, 32."""
    objectness: bool = False
    """Whether a number that something is there stands before the classes; score = objectness * class."""
    activation: Literal["none", "sigmoid"] = "none"
    """Of class scores and objectness."""


class DetectHeatmap(Struct, frozen=True, kw_only=True, tag="detect-heatmap", tag_field="kind"):
    """Centres as peaks of a heat map a class, with size and offset beside it: CenterNet.

    A peak is the largest of its 3x3 neighbours, which stands in for removing overlaps.
    """

    heatmap: str
    """(1, h, w, C)."""
    sizes: str
    """(1, h, w, 2)."""
    offsets: str | None = None
    """(1, h, w, 2) of the centre from the cell's corner, in cells; without it the cell's middle."""
    layout: Literal["nhwc", "nchw"] = "nhwc"
    order: Literal["xy", "yx"] = "xy"
    """Of the two numbers in `sizes` and `offsets`."""
    unit: Literal["cells", "pixels", "share"] = "cells"
    """Of `sizes`: cells of the heat map, pixels of the model's picture, or 0..1 of it."""
    activation: Literal["none", "sigmoid"] = "none"
    score_threshold: Share = 0.3
    max_detections: Positive = 100
    class_offset: Whole = 0


class Segment(Struct, frozen=True, kw_only=True, tag="segment", tag_field="kind"):
    """What each pixel shows: a class number each, or a score a class."""

    map: str
    form: Literal["classes", "scores"] = "classes"
    """Whole class numbers (1, h, w), or scores (1, h, w, C), the largest of which wins."""
    layout: Literal["nhwc", "nchw"] = "nhwc"
    """Where the classes of `scores` stand."""
    min_share: Share = 0.0
    """Classes on fewer of the pixels are left out."""


class Keypoints(Struct, frozen=True, kw_only=True, tag="keypoints", tag_field="kind"):
    """One body's points: (1, 1, K, 3) or (1, K, 3), two places in 0..1 of the model's picture and a score. MoveNet."""

    points: str
    order: Literal["yx", "xy"] = "yx"
    score_threshold: Share = 0.0
    """Points under it are left out."""


class Estimate(Struct, frozen=True, kw_only=True):
    """One number among an output's."""

    name: str
    output: str
    index: Index = 0
    """Place in the output, read row by row."""
    unit: str = ""
    low: float | None = None
    """Below it the value is an alarm."""
    high: float | None = None
    """Above it the value is an alarm."""


class Regress(Struct, frozen=True, kw_only=True, tag="regress", tag_field="kind"):
    """Numbers as they are."""

    values: Annotated[tuple[Estimate, ...], Meta(min_length=1)]


class Anomaly(Struct, frozen=True, kw_only=True, tag="anomaly", tag_field="kind"):
    """How unusual a picture is: a number the model gives, or how far its reconstruction is from its input."""

    output: str
    measure: Literal["value", "mean-squared-error", "mean-absolute-error"] = "value"
    """The errors are of real values, so the output must have as many as the input, in its layout."""
    threshold: float | None = None
    """Above it the value is an alarm."""
    name: str = "anomaly"


Decoding = (
    Classify
    | DetectBoxes
    | DetectCorners
    | DetectAnchors
    | DetectGrid
    | DetectHeatmap
    | Segment
    | Keypoints
    | Regress
    | Anomaly
)

TASKS: dict[type, Task] = {
    Classify: "classify",
    DetectBoxes: "detect",
    DetectCorners: "detect",
    DetectAnchors: "detect",
    DetectGrid: "detect",
    DetectHeatmap: "detect",
    Segment: "segment",
    Keypoints: "keypoints",
    Regress: "regress",
    Anomaly: "anomaly",
}
"""Which task each decoding answers."""


def tensors_read(decoding: Decoding) -> list[str]:
    """The names of all outputs a decoding reads."""
    if isinstance(decoding, Regress):
        return [value.output for value in decoding.values]
    roles = ("scores", "boxes", "classes", "count", "heatmap", "sizes", "offsets", "map", "points", "output")
    return [name for role in roles if (name := getattr(decoding, role, None)) is not None]


def misfits(decoding: Decoding, shapes: Mapping[str, Shape]) -> Iterator[str]:
    """What contradicts itself between a decoding and the shapes of the outputs it reads, all of them present."""
    if isinstance(decoding, DetectBoxes):
        yield from _ends_with(shapes, decoding.boxes, 4)
    elif isinstance(decoding, DetectCorners | DetectAnchors):
        yield from _box_and_score_misfits(decoding, shapes)
    elif isinstance(decoding, DetectGrid):
        yield from _grid_misfits(decoding, shapes)
    elif isinstance(decoding, DetectHeatmap):
        yield from _heatmap_misfits(decoding, shapes)
    elif isinstance(decoding, Segment):
        rank = 3 if decoding.form == "classes" else 4
        # A class map may keep its last axis of one.
        flat = rank == 3 and shapes[decoding.map][3:] == (1,)
        yield from () if flat else _has_rank(shapes, decoding.map, rank)
    elif isinstance(decoding, Keypoints):
        yield from _ends_with(shapes, decoding.points, 3)
    elif isinstance(decoding, Regress):
        for value in decoding.values:
            if value.index >= _size(shapes[value.output]):
                yield f"value {value.name!r} is number {value.index} of {_size(shapes[value.output])}"
    elif isinstance(decoding, Anomaly) and decoding.measure == "value" and _size(shapes[decoding.output]) != 1:
        yield f"{decoding.output!r} is {list(shapes[decoding.output])} and not one value"


def _box_and_score_misfits(decoding: DetectCorners | DetectAnchors, shapes: Mapping[str, Shape]) -> Iterator[str]:
    boxes, scores = shapes[decoding.boxes], shapes[decoding.scores]
    bad = [*_rows_of(shapes, decoding.boxes, 4), *_has_rank(shapes, decoding.scores, 3)]
    yield from bad
    if bad:
        return
    if boxes[1] != scores[1]:
        yield f"{boxes[1]} boxes, and scores for {scores[1]}"
    if decoding.background is not None and decoding.background >= scores[2]:
        yield f"background is class {decoding.background} of {scores[2]}"
    if isinstance(decoding, DetectAnchors):
        anchors = sum(grid.count for grid in decoding.anchors)
        if anchors != boxes[1]:
            yield f"{anchors} anchors for {boxes[1]} boxes"


def _grid_misfits(decoding: DetectGrid, shapes: Mapping[str, Shape]) -> Iterator[str]:
    names = [decoding.boxes] if decoding.scores is None else [decoding.boxes, decoding.scores]
    bad = [problem for name in names for problem in _has_rank(shapes, name, 3)]
    yield from bad
    if bad:
        return
    # As (boxes, numbers each), whatever the layout.
    sizes = [shapes[name][1:] if decoding.layout == "rows" else shapes[name][:0:-1] for name in names]
    extra = int(decoding.objectness)
    if decoding.scores is None:
        if sizes[0][1] <= 4 + extra:
            yield f"{decoding.boxes!r} has {sizes[0][1]} numbers a box, and no class scores among them"
    elif sizes[0][0] != sizes[1][0]:
        yield f"{sizes[0][0]} boxes, and scores for {sizes[1][0]}"
    elif sizes[0][1] != 4:
        yield f"{decoding.boxes!r} has {sizes[0][1]} numbers a box, and 4 are needed"
    elif sizes[1][1] <= extra:
        yield f"{decoding.scores!r} has no class scores"
    if (decoding.encoding == "yolox") != bool(decoding.strides):
        yield "strides belong to the encoding 'yolox', which needs them"


def _heatmap_misfits(decoding: DetectHeatmap, shapes: Mapping[str, Shape]) -> Iterator[str]:
    names = [decoding.heatmap, decoding.sizes, *([decoding.offsets] if decoding.offsets else [])]
    bad = [problem for name in names for problem in _has_rank(shapes, name, 4)]
    yield from bad
    if bad:
        return
    planar = decoding.layout == "nchw"
    places = {shapes[name][2:] if planar else shapes[name][1:3] for name in names}
    if len(places) > 1:
        yield "heat map, sizes and offsets differ in height or width"
    for name in names[1:]:
        if shapes[name][1 if planar else 3] != 2:
            yield f"{name!r} is {list(shapes[name])} and does not have two numbers a cell"


def _rows_of(shapes: Mapping[str, Shape], name: str, length: int) -> list[str]:
    return _has_rank(shapes, name, 3) or _ends_with(shapes, name, length)


def _has_rank(shapes: Mapping[str, Shape], name: str, rank: int) -> list[str]:
    shape = shapes[name]
    if len(shape) == rank and shape[0] == 1:
        return []
    return [f"{name!r} is {list(shape)}, and decoding reads {rank} axes, the first of them 1"]


def _ends_with(shapes: Mapping[str, Shape], name: str, length: int) -> list[str]:
    shape = shapes[name]
    return [] if shape[-1:] == (length,) else [f"{name!r} is {list(shape)} and does not end with {length}"]


def _size(shape: Shape) -> int:
    size = 1
    for length in shape:
        size *= length
    return size
