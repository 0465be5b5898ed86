from __future__ import annotations

import numpy as np
import pytest

from contract.errors import BackendError
from contract.manifest import DetectCorners, Quantization
from tests.edge.decoders.manifests import floats, found


def corners(**options: object) -> DetectCorners:
    return DetectCorners(boxes="boxes", scores="scores", **options)  # type: ignore[arg-type]


def outputs(boxes: list[list[float]], scores: list[list[float]]) -> dict[str, np.ndarray]:
    return {"boxes": floats(boxes), "scores": floats(scores)}


LEFT, RIGHT, NEARLY_LEFT = [0.1, 0.2, 0.3, 0.6], [0.6, 0.2, 0.9, 0.6], [0.1, 0.2, 0.31, 0.6]


def test_of_boxes_that_overlap_the_best_of_each_class_stays() -> None:
    rows = outputs([LEFT, NEARLY_LEFT, RIGHT, LEFT], [[0.8, 0], [0.9, 0], [0.7, 0], [0, 0.6]])
    result = found(corners(), rows, (200, 100))
    assert [(one.label, round(one.score, 2)) for one in result] == [("red", 0.9), ("red", 0.7), ("green", 0.6)]
    assert result[0].box_xyxy_px == pytest.approx((20, 20, 62, 60), abs=1e-4)


@pytest.mark.parametrize("options", [{"order": "yxyx"}, {"unit": "pixels"}])
def test_order_and_unit_are_as_the_manifest_says(options: dict[str, object]) -> None:
    box = np.array(LEFT)[[1, 0, 3, 2]] if "order" in options else np.array(LEFT) * 100
    (one,) = found(corners(**options), outputs([box.tolist()], [[0.9, 0]]), (200, 100))
    assert one.box_xyxy_px == pytest.approx((20, 20, 60, 60), abs=1e-4)


@pytest.mark.parametrize("background", [0, 1, 2])
def test_background_is_nothing_and_the_rest_keeps_its_number(background: int) -> None:
    scores = np.full((2, 3), 0.1)
    scores[0, background], scores[1, (background + 1) % 3] = 0.99, 0.8
    result = found(corners(background=background), outputs([LEFT, RIGHT], scores.tolist()))
    assert [(one.index, one.score) for one in result] == [((background + 1) % 3, pytest.approx(0.8))]


def test_a_class_offset_leaves_the_background_out_of_the_labels() -> None:
    (one,) = found(corners(background=0, class_offset=-1), outputs([LEFT], [[0.1, 0.9]]))
    assert (one.index, one.label) == (0, "red")


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_the_activation_comes_before_the_threshold(activation: str) -> None:
    logits = [[2.0, 1.0], [0.5, -3.0], [-1.0, -1.0]]
    shares = {"sigmoid": [0.880797, 0.622459], "softmax": [0.970688, 0.731059]}[activation]
    rows = outputs([LEFT, RIGHT, [0, 0, 1, 1]], logits)
    result = found(corners(activation=activation, score_threshold=0.6), rows)
    assert [one.score for one in result] == pytest.approx(shares, abs=1e-5)


@pytest.mark.parametrize("threshold", [0.0, 0.25, 0.5, 127 / 256, 1.0])
@pytest.mark.parametrize("activation", ["none", "sigmoid"])
def test_stored_scores_pass_where_their_real_ones_do(threshold: float, activation: str) -> None:
    stored = np.arange(-128, 128, dtype=np.int8).reshape(1, -1, 1)
    places = np.linspace(0, 0.99, 256, dtype=np.float32)
    boxes = np.stack([places, places, places + 0.001, places + 0.001], axis=1)[None]
    scale, zero_point = (1 / 256, -128) if activation == "none" else (0.1, 3)
    real = scale * (np.arange(-128, 128) - zero_point)
    real = real if activation == "none" else 1 / (1 + np.exp(-real))
    result = found(
        corners(activation=activation, score_threshold=threshold, max_detections=256),
        {"boxes": boxes, "scores": stored},
        quantization={"scores": Quantization(scale=scale, zero_point=zero_point)},
    )
    assert [one.score for one in result] == pytest.approx(sorted(real[real >= threshold], reverse=True), abs=1e-6)


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_an_error(poison: float) -> None:
    with pytest.raises(BackendError, match=r"not finite .*'scores'"):
        found(corners(), outputs([LEFT, RIGHT], [[0.9, 0], [poison, 0]]))
    with pytest.raises(BackendError, match=r"not finite .*'scores'"):
        found(corners(activation="softmax"), outputs([LEFT, RIGHT], [[0.9, 0], [poison, 0]]))
    with pytest.raises(BackendError, match=r"not finite .*'boxes'"):
        found(corners(), outputs([[poison, 0, 1, 1], RIGHT], [[0.9, 0], [0.1, 0]]))


def test_the_letterbox_is_undone_and_what_lies_in_the_padding_alone_is_nothing() -> None:
    # 200x100 lies in rows 25 to 75 of the 100x100 picture.
    rows = outputs([[0.0, 0.2, 1.0, 0.8], [0.0, 0.0, 1.0, 0.2]], [[0.9, 0], [0.8, 0]])
    (one,) = found(corners(), rows, (200, 100), resize="letterbox")
    assert one.box_xyxy_px == pytest.approx((0, 0, 200, 100), abs=1e-3)


def test_nothing_found_is_an_empty_answer() -> None:
    assert found(corners(), outputs([LEFT], [[0.1, 0.2]])) == []


def test_a_picture_full_of_things_is_bounded_work() -> None:
    random = np.random.default_rng(0)
    rows = {
        "boxes": random.random((1, 20_000, 4), np.float32),
        "scores": random.random((1, 20_000, 3), np.float32),
    }
    assert len(found(corners(score_threshold=0.0, iou_threshold=1.0, max_detections=7), rows)) <= 7
