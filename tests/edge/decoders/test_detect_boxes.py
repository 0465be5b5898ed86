from __future__ import annotations

import msgspec
import numpy as np
import pytest

from contract.errors import BackendError
from contract.manifest import DetectBoxes, Manifest, Preprocessing, TensorSpec
from contract.result import Detection
from edge.postprocess import decode
from tests.edge.colours import manifest_of

SHAPES = {"boxes": (1, 3, 4), "classes": (1, 3), "scores": (1, 3), "count": (1,)}


def manifest(resize: str = "stretch", **options: object) -> Manifest:
    outputs = tuple(TensorSpec(name=name, shape=shape, dtype="float32") for name, shape in SHAPES.items())
    return msgspec.structs.replace(
        manifest_of(),
        task="detect",
        outputs=outputs,
        preprocessing=Preprocessing(size_wh=(100, 100), resize=resize),  # type: ignore[arg-type]
        decoding=DetectBoxes(boxes="boxes", classes="classes", scores="scores", count="count", **options),  # type: ignore[arg-type]
    )


def found(
    kind: Manifest, rows: list[tuple[float, float, list[float]]], frame_wh: tuple[int, int], count: float | None = None
) -> list[Detection]:
    rows = rows + [(0.0, 0.0, [0.0] * 4)] * (3 - len(rows))
    outputs = {
        "scores": np.array([[row[0] for row in rows]], np.float32),
        "classes": np.array([[row[1] for row in rows]], np.float32),
        "boxes": np.array([[row[2] for row in rows]], np.float32),
        "count": np.array([len(rows) if count is None else count], np.float32),
    }
    detections = decode(outputs, kind, frame_wh).detections
    assert isinstance(detections, tuple)
    return list(detections)


def test_boxes_come_in_pixels_of_the_frame_as_captured_with_x_before_y() -> None:
    (one,) = found(manifest(), [(0.9, 1, [0.1, 0.2, 0.5, 0.6])], (640, 480))
    assert (one.label, one.score) == ("green", pytest.approx(0.9))
    assert one.box_xyxy_px == pytest.approx((128.0, 48.0, 384.0, 240.0), abs=1e-3)


def test_the_letterbox_is_undone() -> None:
    # 200x100 lies in rows 25 to 75 of the 100x100 picture.
    (one,) = found(manifest("letterbox"), [(0.9, 0, [0.25, 0.0, 0.75, 1.0])], (200, 100))
    assert one.box_xyxy_px == pytest.approx((0, 0, 200, 100), abs=1e-3)


def test_the_crop_is_undone() -> None:
    (one,) = found(manifest("crop"), [(0.9, 0, [0.0, 0.0, 1.0, 1.0])], (200, 100))
    assert one.box_xyxy_px == pytest.approx((50, 0, 150, 100), abs=1e-3)


def test_boxes_stay_inside_the_frame() -> None:
    (one,) = found(manifest(), [(0.9, 0, [-0.2, -0.1, 1.3, 1.1])], (640, 480))
    assert one.box_xyxy_px == (0.0, 0.0, 640.0, 480.0)


def test_the_threshold_and_the_count_decide_what_counts_and_the_best_comes_first() -> None:
    rows = [(0.5, 0, [0.0] * 4), (0.8, 1, [0.0] * 4), (0.9, 2, [0.0] * 4)]
    assert [one.label for one in found(manifest(), rows, (10, 10), count=2)] == ["green", "red"]
    assert [one.label for one in found(manifest(score_threshold=0.6), rows, (10, 10))] == ["blue", "green"]


def test_a_class_offset_leads_to_the_label_and_an_unknown_class_shows_its_number() -> None:
    rows = [(0.9, 0, [0.0] * 4), (0.8, 7, [0.0] * 4)]
    assert [one.label for one in found(manifest(class_offset=1), rows, (10, 10))] == ["green", "8"]


@pytest.mark.parametrize("count", [4.0, -1.0, float("nan")])
def test_a_count_that_makes_no_sense_is_an_error(count: float) -> None:
    with pytest.raises(BackendError, match="has room for 3"):
        found(manifest(), [], (10, 10), count=count)
