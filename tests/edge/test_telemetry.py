from __future__ import annotations

import pytest

from contract.messages import FrameLedger, Percentiles
from contract.result import ClassScore, Detection, FrameError, Result, StageTimes
from edge.telemetry import Meter, Window, percentiles
from tests.edge.colours import DIGEST


def result(milliseconds: float, **fields: object) -> Result:
    times = StageTimes(preprocess=milliseconds, invoke=2 * milliseconds, postprocess=0.5)
    return Result(source="s", frame=0, captured_at="t", model="m@1", digest=DIGEST, latency_ms=times, **fields)  # type: ignore[arg-type]


def classes(label: str, score: float) -> tuple[ClassScore, ...]:
    return (ClassScore(index=0, label=label, score=score), ClassScore(index=1, label="second", score=0.01))


def closed(meter: Meter, window_s: float = 2.0) -> Window:
    return meter.close(
        ended_at=0.25, window_s=window_s, model="m@1", digest=DIGEST, ledger=FrameLedger(captured=9, inferred=9)
    )


def test_percentiles_are_values_that_occurred() -> None:
    assert percentiles([float(n) for n in range(1, 101)]) == Percentiles(p50=50, p95=95, p99=99)
    assert percentiles([7.0]) == Percentiles(p50=7, p95=7, p99=7)


def test_a_window_counts_first_answers_rates_and_times() -> None:
    meter = Meter()
    for milliseconds, (label, score) in ((1.0, ("cat", 0.9)), (2.0, ("dog", 0.5)), (3.0, ("cat", 0.7))):
        meter.add(result(milliseconds, classes=classes(label, score)))
    window = closed(meter)
    assert window.classes == {"cat": 2, "dog": 1}
    assert window.mean_confidence == pytest.approx(0.7)
    assert window.frames_per_s == 1.5
    assert window.latency_ms["invoke"].p50 == 4.0
    assert window.latency_ms["total"] == Percentiles(p50=6.5, p95=9.5, p99=9.5)


def test_a_frame_without_a_detection_is_a_frame_but_no_answer() -> None:
    meter = Meter()
    meter.add(result(1.0, detections=()))
    meter.add(result(1.0, detections=(Detection(index=0, label="cat", score=0.6, box_xyxy_px=(0, 0, 1, 1)),)))
    window = closed(meter)
    assert (window.frames_per_s, window.classes, window.mean_confidence) == (1.0, {"cat": 1}, 0.6)


def test_frames_without_an_answer_leave_the_window_empty() -> None:
    meter = Meter()
    error = FrameError(cause="damaged-frame", where="w", fix="f")
    meter.add(Result(source="s", frame=0, captured_at="t", model="m@1", digest=DIGEST, error=error))
    window = closed(meter)
    assert (window.latency_ms, window.classes, window.mean_confidence) == ({}, {}, None)


def test_the_message_carries_the_window_its_number_and_the_outbox() -> None:
    telemetry = closed(Meter()).telemetry(5, outbox_waiting=3, outbox_lost=1)
    assert (telemetry.sequence, telemetry.outbox_waiting, telemetry.outbox_lost) == (5, 3, 1)
    assert telemetry.at == "1970-01-01T00:00:00.250Z"
    assert (telemetry.model, telemetry.ledger.captured) == ("m@1", 9)
    assert telemetry.rss_bytes > 0
