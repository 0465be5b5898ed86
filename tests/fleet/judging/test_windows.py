"""Readings to windows, and windows to changes for the worse."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from contract.codec import to_json
from contract.drift import Drift
from contract.messages import FrameLedger, Percentiles
from fleet.judging.windows import Said, Window, changes, window
from tests.fleet.simulated import reading


def said(**fields: Any) -> Said:
    """A reading as it is stored, with these fields instead."""
    whole = msgspec.structs.replace(reading(1, at_s=0.0), **fields)
    return msgspec.json.decode(to_json(whole), type=Said)


def made(*readings: Said, span_s: float = 3600.0) -> Window:
    found = window(readings, span_s)
    assert found is not None
    return found


def p95(ms: float) -> dict[str, Percentiles]:
    return {"total": Percentiles(p50=1.0, p95=ms, p99=ms)}


def lamp(lit: bool) -> dict[str, Drift]:
    return {"cam": Drift(frames=50, false_alarms=0.01, input_changed=False, model_suffering=lit, features={})}


def test_two_readings_are_too_few() -> None:
    assert window([said(), said()], 10.0) is None


def test_a_device_that_stays_as_it_was_has_not_changed() -> None:
    one = made(*[said()] * 3)
    found = changes(one, one)
    told = {name for name, change in found.items() if not math.isnan(change)}
    # It told of no drift window, and nobody tells accuracy or agreement; its ledger stood still.
    assert told == {"latency", "confidence", "answers", "restarts", "rate"}
    assert all(found[name] == 0.0 for name in told)


def test_worse_is_larger_in_every_metric() -> None:
    def ledger(captured: int, damaged: int) -> FrameLedger:
        return FrameLedger(captured=captured, inferred=captured - damaged, damaged=damaged)

    before = made(
        *(
            said(latency_ms=p95(10.0), mean_confidence=0.9, drift=lamp(False), ledger=ledger(100 * n, 0))
            for n in range(1, 5)
        )
    )
    after = made(
        *(
            said(
                latency_ms=p95(15.0),
                mean_confidence=0.8,
                frames_per_s=5.0,
                classes={"3": 20, "7": 29, "9": 1},
                drift=lamp(n % 2 == 0),
                restarts={"crash": n},
                ledger=ledger(100 * n, 10 * n),
            )
            for n in range(1, 5)
        )
    )
    found = changes(before, after)
    assert found["latency"] == pytest.approx(math.log(1.5))
    assert found["confidence"] == pytest.approx(0.1)
    assert found["answers"] == pytest.approx(0.4)
    assert found["drift"] == pytest.approx(0.5)
    assert found["restarts"] == pytest.approx(3.0)
    assert found["rate"] == pytest.approx(0.5)
    assert found["errors"] == pytest.approx(0.1)
    assert math.isnan(found["accuracy"])


def test_numbers_that_are_none_are_left_out_and_nothing_breaks() -> None:
    good = [said(latency_ms=p95(10.0))] * 3
    odd = [
        Said(digest="", frames_per_s=math.inf, mean_confidence=math.nan, latency_ms=said(latency_ms=p95(ms)).latency_ms)
        for ms in (0.0, 0.0, -3.0)
    ]
    assert made(*good, *odd).log_latency == pytest.approx(math.log(10.0))
    empty = made(*odd)
    assert all(math.isnan(number) for number in (empty.log_latency, empty.rate, empty.confidence))
    assert all(math.isnan(change) for name, change in changes(empty, empty).items() if name != "restarts")


def test_a_camera_at_rest_before_cannot_slow_down() -> None:
    resting, busy = made(*[said(frames_per_s=0.0)] * 3), made(*[said()] * 3)
    assert math.isnan(changes(resting, busy)["rate"])
    assert changes(busy, resting)["rate"] == pytest.approx(1.0)


def test_a_counter_that_begins_anew_does_not_go_backwards() -> None:
    found = made(said(restarts={"crash": 7}), said(restarts={"crash": 8}), said(restarts={"crash": 2}), span_s=1800.0)
    assert found.restarts == pytest.approx(6.0)


def test_few_answers_say_nothing_about_their_spread() -> None:
    one = made(*[said(classes={"a": 3})] * 3)
    other = made(*[said(classes={"b": 300})] * 3)
    assert math.isnan(changes(one, other)["answers"])
    assert changes(other, made(*[said(classes={"c": 300})] * 3))["answers"] == 1.0
