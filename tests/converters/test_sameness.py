"""Whether answers mean the same, for each task, on answers written down by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from contract.decoding import Estimate
from contract.manifest import Anomaly, Classify, DetectBoxes, Keypoints, Regress, Segment
from converters.sameness import box_overlap, decoded_answers, numbers_near, sameness
from tests.converters.drafts import draft

BOXES = draft(
    "detect",
    DetectBoxes(boxes="boxes", classes="classes", scores="scores"),
    {"boxes": (1, 2, 4), "classes": (1, 2), "scores": (1, 2)},
)


def found(boxes: list[list[float]], scores: tuple[float, float] = (0.9, 0.8)) -> dict[str, NDArray[np.float32]]:
    """One picture's two boxes, of classes 0 and 1; ymin xmin ymax xmax in 0..1."""
    answers = {"boxes": np.array([boxes]), "classes": np.array([[0, 1]]), "scores": np.array([scores])}
    return {name: values.astype(np.float32) for name, values in answers.items()}


KNOWN = [[0.1, 0.1, 0.5, 0.5], [0.4, 0.4, 0.9, 0.9]]


def test_classifiers_say_the_same_where_their_first_answers_do() -> None:
    classes = draft("classify", Classify(scores="s"), {"s": (1, 3)})
    source = decoded_answers(classes, {"s": np.array([[0.6, 0.4, 0], [0.6, 0.4, 0]], np.float32)})
    artifact = decoded_answers(classes, {"s": np.array([[0.9, 0.1, 0], [0.4, 0.6, 0]], np.float32)})
    assert sameness("classify", source, artifact).tolist() == [1, 0]


def test_boxes_that_collapse_are_lost_though_their_scores_survive() -> None:
    source = decoded_answers(BOXES, found(KNOWN))
    points = decoded_answers(BOXES, found([[0.3, 0.3, 0.3, 0.3], [0.6, 0.6, 0.6, 0.6]]))
    assert sameness("detect", source, points).tolist() == [0]
    assert box_overlap(source, points) == 0
    assert box_overlap(source, source) == pytest.approx(1)


def test_the_overlap_tells_a_shift_that_pairs_boxes_still() -> None:
    source = decoded_answers(BOXES, found(KNOWN))
    shifted = decoded_answers(BOXES, found([[y + 0.05, x, y2 + 0.05, x2] for y, x, y2, x2 in KNOWN]))
    assert sameness("detect", source, shifted).tolist() == [1]
    overlap = box_overlap(source, shifted)
    assert overlap is not None
    assert 0.7 < overlap < 0.85


def test_a_box_that_may_not_have_been_let_through_does_not_count_as_lost() -> None:
    source = decoded_answers(BOXES, found(KNOWN, (0.9, 0.41)))
    artifact = decoded_answers(BOXES, found(KNOWN, (0.9, 0.39)))
    assert box_overlap(source, artifact, sure=0.43) == pytest.approx(1)
    assert box_overlap(source, artifact) == pytest.approx(0.5)
    assert box_overlap(source, artifact, sure=0.95) is None


@pytest.mark.parametrize("form", ["classes", "scores"])
def test_maps_are_the_same_by_pixels(form: str) -> None:
    shape = (1, 2, 2) if form == "classes" else (1, 2, 2, 3)
    maps = draft("segment", Segment(map="m", form=form), {"m": shape})  # type: ignore[arg-type]
    known, other = np.array([[0, 1], [2, 2]]), np.array([[0, 1], [2, 0]])
    answers = [
        {"m": (classes if form == "classes" else np.eye(3)[classes])[None].astype(np.float32)}
        for classes in (known, other)
    ]
    assert sameness("segment", *(decoded_answers(maps, each) for each in answers)).tolist() == [0.75]


def test_points_are_the_same_while_they_are_near() -> None:
    points = draft("keypoints", Keypoints(points="p"), {"p": (1, 1, 2, 3)})
    known = np.array([[[[0.2, 0.2, 1], [0.8, 0.8, 1]]]], np.float32)
    moved = known + np.array([[0, 0, 0], [0.02, 0.1, 0]], np.float32)
    assert sameness("keypoints", *(decoded_answers(points, {"p": p}) for p in (known, moved))).tolist() == [0.5]


def test_values_are_the_same_within_a_twentieth_of_their_range() -> None:
    values = draft("regress", Regress(values=(Estimate(name="v", output="v"),)), {"v": (1, 1)})
    known = np.array([[0.0], [10.0], [20.0]], np.float32)
    moved = known + np.array([[0.9], [1.1], [0]], np.float32)
    assert sameness("regress", *(decoded_answers(values, {"v": v}) for v in (known, moved))).tolist() == [1, 0, 1]
    score = draft("anomaly", Anomaly(output="v"), {"v": (1, 1)})
    assert sameness("anomaly", *(decoded_answers(score, {"v": v}) for v in (known, moved))).tolist() == [1, 0, 1]


def test_a_reconstruction_is_compared_number_by_number() -> None:
    known = np.arange(8, dtype=np.float32).reshape(2, 4)
    moved = known + np.array([[0, 0, 0, 1], [0.3, 0, 0, 0]], np.float32)
    assert numbers_near(known, moved).tolist() == [0.75, 1]
