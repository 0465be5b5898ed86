"""Which frames are worth a label, and how many an hour."""

from __future__ import annotations

import pytest

from contract.result import ClassScore, Detection, FrameError, Result
from edge.scene.unsure import Allowance, Spread, unsure

BASE = {"source": "", "frame": 0, "captured_at": "", "model": "", "digest": ""}


def classified(*scores: float) -> Result:
    return Result(**BASE, classes=tuple(ClassScore(index=i, label=str(i), score=s) for i, s in enumerate(scores)))


def detected(*scores: float) -> Result:
    box = (0.0, 0.0, 1.0, 1.0)
    return Result(**BASE, detections=tuple(Detection(index=0, label="a", score=s, box_xyxy_px=box) for s in scores))


@pytest.mark.parametrize(
    ("result", "guess"),
    [
        (classified(0.5, 0.45), True),
        (classified(0.45, 0.5), True),
        (classified(0.9, 0.1), False),
        (classified(0.4), True),
        (classified(), False),
        (detected(0.9, 0.45), True),
        (detected(0.9, 0.8), False),
        (detected(), False),
        (Result(**BASE, error=FrameError(cause="", where="", fix="")), False),
    ],
)
def test_an_answer_is_a_guess_or_not(result: Result, guess: bool) -> None:
    assert unsure(result) == guess


def test_an_hour_has_its_allowance_and_saves_nothing_beyond_it() -> None:
    allowance = Allowance(per_hour=3)
    assert [allowance.take(now_s) for now_s in (0.0, 1.0, 2.0, 3.0)] == [True, True, True, False]
    assert allowance.take(1200.0)
    assert not allowance.take(1201.0)
    assert sum(allowance.take(100_000.0) for _ in range(10)) == 3


def test_a_clock_that_goes_back_earns_nothing() -> None:
    allowance = Allowance(per_hour=1)
    assert allowance.take(5000.0)
    assert not allowance.take(10.0)
    assert allowance.take(3610.0)


def test_what_has_drifted_is_taken_evenly_and_a_clock_put_back_is_not_waited_for() -> None:
    spread = Spread(4)
    assert [spread.take(now_s) for now_s in (50.0, 60.0, 949.0, 950.0, 5000.0, 5001.0, 10.0)] == [
        True,
        False,
        False,
        True,
        True,
        False,
        True,
    ]
