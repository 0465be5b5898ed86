"""The verdict on a new model: pure, over numbers."""

from __future__ import annotations

import pytest

from contract.health import Comparison, Numbers, Tally, shadow_verdict, verdict
from contract.messages import Limits
from contract.result import ClassScore, FrameError, Result, StageTimes

GOOD = Numbers(frames=30, errors=0, mean_confidence=0.8, latency_p95_ms=12.0)
LIMITS = Limits(health_frames=30, min_mean_confidence=0.5, max_latency_p95_ms=20.0, max_error_share=0.1)
DIGEST = "sha256:" + "1" * 64


def test_a_model_that_keeps_its_limits_is_healthy() -> None:
    found = verdict(GOOD, LIMITS, time_is_up=False)
    assert found is not None
    assert found.cause is None


def test_nothing_is_decided_while_frames_may_still_come() -> None:
    assert verdict(GOOD._replace(frames=29), LIMITS, time_is_up=False) is None


@pytest.mark.parametrize(
    ("numbers", "cause"),
    [
        (GOOD._replace(mean_confidence=0.49), "confidence"),
        (GOOD._replace(mean_confidence=None), "confidence"),
        (GOOD._replace(latency_p95_ms=20.1), "latency"),
        (GOOD._replace(errors=4), "errors"),
        (GOOD._replace(frames=29), "silence"),
        (Numbers(0, 0, None, None), "silence"),
        (Numbers(5, 5, None, None), "errors"),
    ],
)
def test_a_broken_limit_has_its_cause(numbers: Numbers, cause: str) -> None:
    found = verdict(numbers, LIMITS, time_is_up=True)
    assert found is not None
    assert found.cause == cause


def test_an_empty_scene_is_no_fault_where_no_confidence_is_asked() -> None:
    found = verdict(GOOD._replace(mean_confidence=None), Limits(health_frames=30), time_is_up=False)
    assert found is not None
    assert found.cause is None


def answer(score: float, invoke_ms: float) -> Result:
    return Result(
        source="cam",
        frame=0,
        captured_at="",
        model="m@2",
        digest=DIGEST,
        latency_ms=StageTimes(preprocess=1.0, invoke=invoke_ms, postprocess=1.0),
        classes=(ClassScore(index=0, label="a", score=score),),
    )


def without_answer(cause: str) -> Result:
    error = FrameError(cause=cause, where="", fix="")
    return Result(source="cam", frame=0, captured_at="", model="m@2", digest=DIGEST, error=error)


def test_a_tally_counts_no_damaged_picture() -> None:
    tally = Tally()
    for milliseconds in range(1, 21):
        tally.add(answer(0.6, milliseconds))
    tally.add(without_answer("damaged-frame"))
    tally.add(without_answer("backend"))
    frames, errors, confidence, p95_ms = tally.numbers()
    assert (frames, errors) == (21, 1)
    assert confidence == pytest.approx(0.6)
    assert p95_ms == 21.0  # 19 of 20 took at most 19 ms and 2 around it


BESIDE = Comparison(numbers=GOOD, agreement=0.9, serving_p95_ms=10.0, memory_bytes=50 << 20)
ASKED = Limits(shadow_frames=30, min_agreement=0.8, max_latency_ratio=1.5, max_memory_mib=60)


def test_a_model_that_agrees_may_take_over() -> None:
    found = shadow_verdict(BESIDE, ASKED, time_is_up=False)
    assert found is not None
    assert found.cause is None
    assert "agreement 0.900" in found.detail


@pytest.mark.parametrize(
    ("seen", "cause"),
    [
        (BESIDE._replace(agreement=0.79), "agreement"),
        (BESIDE._replace(serving_p95_ms=7.9), "latency"),
        (BESIDE._replace(memory_bytes=61 << 20), "memory"),
        (BESIDE._replace(numbers=GOOD._replace(frames=29)), "silence"),
        (BESIDE._replace(numbers=GOOD._replace(errors=1)), "errors"),
    ],
)
def test_a_shadow_run_that_breaks_a_limit_has_its_cause(seen: Comparison, cause: str) -> None:
    found = shadow_verdict(seen, ASKED, time_is_up=True)
    assert found is not None
    assert found.cause == cause


def test_what_cannot_be_compared_is_no_fault_of_the_new_model() -> None:
    alone = BESIDE._replace(agreement=None, serving_p95_ms=None, memory_bytes=None)
    found = shadow_verdict(alone, ASKED, time_is_up=False)
    assert found is not None
    assert found.cause is None
