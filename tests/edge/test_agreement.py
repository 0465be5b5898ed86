"""Agreement of two answers."""

from __future__ import annotations

import pytest

from contract.result import ClassScore, Detection, Result
from edge.agreement import agreement

DIGEST = "sha256:" + "1" * 64


def saw(label: str | None) -> Result:
    classes = () if label is None else (ClassScore(index=0, label=label, score=0.5),)
    return Result(source="cam", frame=0, captured_at="", model="m@1", digest=DIGEST, classes=classes)


def boxes(*found: tuple[int, float]) -> Result:
    """Boxes of class and place: 10 wide, so a shift of 3 leaves an IoU of 7/13."""
    return Result(
        source="cam",
        frame=0,
        captured_at="",
        model="m@1",
        digest=DIGEST,
        detections=tuple(
            Detection(index=index, label=str(index), score=0.9, box_xyxy_px=(left, 0.0, left + 10.0, 10.0))
            for index, left in found
        ),
    )


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (saw("cat"), saw("cat"), 1.0),
        (saw("cat"), saw("dog"), 0.0),
        (saw(None), saw("dog"), 0.0),
        (saw(None), saw(None), 1.0),
        (boxes(), boxes(), 1.0),
        (boxes((1, 0)), boxes(), 0.0),
        (boxes((1, 0)), boxes((1, 3)), 1.0),
        (boxes((1, 0)), boxes((1, 4)), 0.0),
        (boxes((1, 0)), boxes((2, 0)), 0.0),
        (boxes((1, 0), (1, 50)), boxes((1, 0)), 2 / 3),
        (boxes((1, 0), (1, 1)), boxes((1, 0)), 2 / 3),
    ],
)
def test_answers_agree_as_far_as_they_say_the_same(one: Result, other: Result, expected: float) -> None:
    assert agreement(one, other) == pytest.approx(expected)
    assert agreement(other, one) == pytest.approx(expected)


def test_boxes_without_area_agree_with_nothing() -> None:
    flat = boxes((1, 0)).detections[0].__class__(index=1, label="1", score=0.5, box_xyxy_px=(5.0, 5.0, 5.0, 5.0))  # type: ignore[index,union-attr]
    one = Result(source="cam", frame=0, captured_at="", model="m@1", digest=DIGEST, detections=(flat,))
    assert agreement(one, one) == 0.0
