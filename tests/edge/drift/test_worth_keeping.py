"""Which frames are worth a label, and how many an hour."""

from __future__ import annotations

import pytest

from contract.drift import Drift
from contract.result import ClassScore, Detection, FrameError, Result
from edge.drift.worth_keeping import Allowance, worth

CALM = Drift(frames=50, false_alarms=0.01, input_changed=False, model_suffering=False, features={})
CHANGED = Drift(frames=50, false_alarms=0.01, input_changed=True, model_suffering=False, features={})
BASE = {"source": "", "frame": 0, "captured_at": "", "model": "", "digest": ""}


def classified(*scores: float) -> Result:
    return Result(**BASE, classes=tuple(ClassScore(index=i, label=str(i), score=s) for i, s in enumerate(scores)))


def detected(*scores: float) -> Result:
    box = (0.0, 0.0, 1.0, 1.0)
    return Result(**BASE, detections=tuple(Detection(index=0, label="a", score=s, box_xyxy_px=box) for s in scores))


@pytest.mark.parametrize(
    ("result", "drift", "reason"),
    [
        (classified(0.5, 0.45), None, "uncertain"),
        (classified(0.45, 0.5), CHANGED, "uncertain"),
        (classified(0.9, 0.1), None, None),
        (classified(0.9, 0.1), CALM, None),
        (classified(0.9, 0.1), CHANGED, "drifted"),
        (classified(0.4), None, "uncertain"),
        (classified(), None, None),
        (detected(0.9, 0.45), CALM, "uncertain"),
        (detected(0.9, 0.8), CALM, None),
        (detected(), CHANGED, "drifted"),
        (Result(**BASE, error=FrameError(cause="", where="", fix="")), CHANGED, None),
    ],
)
def test_a_frame_is_kept_for_a_reason(result: Result, drift: Drift | None, reason: str | None) -> None:
    assert worth(result, drift) == reason


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
