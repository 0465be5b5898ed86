from __future__ import annotations

import math

import numpy as np
import pytest

from contract.errors import BackendError, ModelError
from contract.manifest import DetectGrid, Quantization
from tests.edge.decoders.manifests import found

BOX = [50.0, 40.0, 20.0, 10.0]
"""Centre and size in pixels of the model's 100x100 picture."""
CORNERS = (80, 35, 120, 45)
"""The same in a frame of 200x100."""


def rows(boxes: int, numbers: int) -> np.ndarray:
    return np.zeros((1, boxes, numbers), np.float32)


@pytest.mark.parametrize("layout", ["rows", "columns"])
@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("unit", ["pixels", "share"])
@pytest.mark.parametrize("encoding", ["xywh", "xyxy"])
def test_the_box_is_the_same_in_every_layout(layout: str, split: bool, unit: str, encoding: str) -> None:
    table = rows(30, 4 + 3)
    box = np.array(BOX if encoding == "xywh" else [40.0, 35.0, 60.0, 45.0])
    table[0, 17, :4], table[0, 17, 6] = box / (1 if unit == "pixels" else 100), 0.75
    parts = {"boxes": table[:, :, :4], "scores": table[:, :, 4:]} if split else {"all": table}
    parts = {name: part if layout == "rows" else part.transpose(0, 2, 1).copy() for name, part in parts.items()}
    decoding = DetectGrid(
        boxes="boxes" if split else "all",
        scores="scores" if split else None,
        layout=layout,  # type: ignore[arg-type]
        unit=unit,  # type: ignore[arg-type]
        encoding=encoding,  # type: ignore[arg-type]
    )
    (one,) = found(decoding, parts, (200, 100))
    assert one.box_xyxy_px == pytest.approx(CORNERS, abs=1e-3)
    assert (one.label, one.score) == ("blue", pytest.approx(0.75))


def test_yolox_counts_cells_of_three_grids_and_multiplies_objectness() -> None:
    # 64x32: 8x4 cells of 8 pixels, 4x2 of 16, 2x1 of 32.
    table = rows(32 + 8 + 2, 4 + 1 + 2)
    table[0, 32 + 5] = [0.5, 0.25, math.log(2), math.log(0.5), 0.8, 0.1, 0.9]
    decoding = DetectGrid(boxes="all", encoding="yolox", strides=(8, 16, 32), objectness=True)
    (one,) = found(decoding, {"all": table}, (64, 32), size_wh=(64, 32))
    x, y = (1 + 0.5) * 16, (1 + 0.25) * 16
    assert one.box_xyxy_px == pytest.approx((x - 16, y - 4, x + 16, y + 4), abs=1e-3)
    assert (one.index, one.score) == (1, pytest.approx(0.72))


@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_neither_objectness_nor_a_class_is_enough_alone(layout: str) -> None:
    table = rows(3, 4 + 1 + 1)
    table[0, :, :4] = BOX
    table[0, :, 4:] = [[0.9, 0.3], [0.3, 0.9], [0.7, 0.7]]
    table = table if layout == "rows" else table.transpose(0, 2, 1).copy()
    result = found(DetectGrid(boxes="all", objectness=True, layout=layout), {"all": table})  # type: ignore[arg-type]
    assert [one.score for one in result] == pytest.approx([0.49])


def test_split_outputs_keep_a_scale_each() -> None:
    boxes, scores = np.zeros((1, 4, 9), np.int8), np.full((1, 2, 9), -128, np.int8)
    boxes[0, :, 3], scores[0, 1, 3] = [100, 80, 40, 20], 64
    (one,) = found(
        DetectGrid(boxes="boxes", scores="scores", layout="columns"),
        {"boxes": boxes, "scores": scores},
        (200, 100),
        quantization={
            "boxes": Quantization(scale=0.5, zero_point=0),
            "scores": Quantization(scale=1 / 256, zero_point=-128),
        },
    )
    assert one.box_xyxy_px == pytest.approx(CORNERS, abs=1e-3)
    assert one.score == 0.75


@pytest.mark.parametrize("objectness", [False, True])
@pytest.mark.parametrize("number", [0, 4, 5])
def test_numbers_that_are_not_finite_are_an_error(objectness: bool, number: int) -> None:
    table = rows(9, 7)
    table[0, 2] = 0.9
    table[0, 2, number] = np.nan
    with pytest.raises(BackendError, match="not finite"):
        found(DetectGrid(boxes="all", objectness=objectness), {"all": table})


def test_strides_that_do_not_make_the_boxes_are_refused() -> None:
    decoding = DetectGrid(boxes="all", encoding="yolox", strides=(8,), objectness=True)
    with pytest.raises(ModelError, match=r"strides \[8\] make 144 cells, and the model has 9 boxes"):
        found(decoding, {"all": rows(9, 7)})
