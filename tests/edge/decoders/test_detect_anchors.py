from __future__ import annotations

import math

import numpy as np
import pytest

from contract.decoding import AnchorGrid
from contract.errors import BackendError
from contract.manifest import DetectAnchors
from edge.decoders.detect_anchors import anchors_xywh
from tests.edge.decoders.manifests import floats, found

GRIDS = (
    AnchorGrid(cells_wh=(2, 1), sizes_wh=((0.2, 0.4), (0.5, 0.5))),
    AnchorGrid(cells_wh=(1, 1), sizes_wh=((1, 1),)),
)


def anchors(**options: object) -> DetectAnchors:
    return DetectAnchors(boxes="boxes", scores="scores", anchors=GRIDS, **options)  # type: ignore[arg-type]


def outputs(place: int, offsets: list[float]) -> dict[str, np.ndarray]:
    """Five boxes, one of which shows something."""
    boxes, scores = np.zeros((1, 5, 4), np.float32), np.full((1, 5, 2), -9.0, np.float32)
    boxes[0, place], scores[0, place, 1] = offsets, 2.0
    return {"boxes": boxes, "scores": scores}


def test_anchors_follow_rows_columns_and_sizes_then_the_next_grid() -> None:
    assert anchors_xywh(GRIDS) == pytest.approx(
        np.array(
            [
                [0.25, 0.5, 0.2, 0.4],
                [0.25, 0.5, 0.5, 0.5],
                [0.75, 0.5, 0.2, 0.4],
                [0.75, 0.5, 0.5, 0.5],
                [0.5, 0.5, 1.0, 1.0],
            ]
        )
    )


def test_no_offset_is_the_anchor_itself() -> None:
    (one,) = found(anchors(), outputs(2, [0, 0, 0, 0]), (200, 100))
    assert one.box_xyxy_px == pytest.approx((130, 30, 170, 70), abs=1e-3)
    assert (one.index, one.score) == (1, pytest.approx(1 / (1 + math.exp(-2.0))))


@pytest.mark.parametrize("order", ["yxhw", "xywh"])
def test_offsets_are_scaled_as_the_object_detection_api_does(order: str) -> None:
    # Half an anchor to the right, a quarter down; twice as wide, half as high.
    x, y, width, height = 10 * 0.5, 10 * 0.25, 5 * math.log(2), 5 * math.log(0.5)
    offsets = [y, x, height, width] if order == "yxhw" else [x, y, width, height]
    (one,) = found(anchors(order=order), outputs(0, offsets))
    assert one.box_xyxy_px == pytest.approx((35 - 20, 60 - 10, 35 + 20, 60 + 10), abs=1e-3)


def test_a_size_beyond_all_numbers_is_an_error_and_no_warning() -> None:
    with pytest.raises(BackendError, match=r"not finite .*'boxes'"):
        found(anchors(), outputs(0, [0, 0, 1e6, 0]))


def test_background_first_is_the_default() -> None:
    rows = outputs(0, [0, 0, 0, 0])
    rows["scores"] = floats([[9.0, -9.0]] * 5)
    assert found(anchors(), rows) == []
