"""Which windows are sent: everything that happened, and of the rest one an hour."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from contract.drift import Drift
from contract.messages import FrameLedger
from edge.quiet import Quiet
from edge.telemetry import Window

IDLE = Window(
    ended_at=0.0,
    window_s=5.0,
    model="digits@1",
    digest="sha256:" + "0" * 64,
    ledger=FrameLedger(captured=10, inferred=10),
    frames_per_s=0.0,
    latency_ms={},
    classes={},
    mean_confidence=None,
    rss_bytes=100 << 20,
    temperature_c=50.0,
)


WINDOW_OF_DRIFT = Drift(frames=50, false_alarms=0.01, input_changed=False, model_suffering=False, features={})


def idle(gated: int, **changes: Any) -> Window:
    """A window in which nothing moved."""
    return structs.replace(IDLE, ledger=FrameLedger(captured=10 + gated, inferred=10, gated=gated), **changes)


@pytest.fixture
def resting() -> Quiet:
    """After an active window and the first quiet one."""
    quiet = Quiet(heartbeat_s=60.0)
    assert quiet.passes(IDLE) == IDLE
    first = quiet.passes(idle(50))
    assert first is not None
    assert (first.window_s, first.next_s) == (5.0, 60.0)
    return quiet


def test_one_window_a_heartbeat_is_sent_and_covers_those_held_back(resting: Quiet) -> None:
    sent = [window for n in range(24) if (window := resting.passes(idle(100 + n))) is not None]
    assert [window.window_s for window in sent] == [60.0, 60.0]
    assert sent[-1].ledger.gated == 123


@pytest.mark.parametrize(
    "activity",
    [
        FrameLedger(captured=61, inferred=11, gated=50),
        FrameLedger(captured=61, inferred=10, gated=50, damaged=1),
        FrameLedger(captured=61, inferred=10, gated=50, dropped={"failed": 1}),
    ],
)
def test_activity_is_told_at_once_and_in_a_window_of_its_own(resting: Quiet, activity: FrameLedger) -> None:
    assert resting.passes(idle(50)) is None
    window = structs.replace(IDLE, ledger=activity)
    assert resting.passes(window) == window


@pytest.mark.parametrize(
    "news",
    [
        {"model": "digits@2"},
        {"restarts": {"crash": 1}},
        {"outages": {"yard": 1}},
        {"left": {"pictures": 3, "bytes": 900}},
        {"fallback": "no Edge TPU"},
        {"throttled": True},
        {"under_voltage": True},
        {"temperature_c": 60.0},
        {"temperature_c": None},
        {"rss_bytes": 126 << 20},
    ],
)
def test_news_is_told_at_once_and_once(resting: Quiet, news: dict[str, Any]) -> None:
    assert resting.passes(idle(60)) is None
    window = idle(70, **news)
    assert resting.passes(window) == structs.replace(window, window_s=10.0, next_s=60.0)
    assert resting.passes(idle(80, **news)) is None


def test_a_window_of_drift_is_told(resting: Quiet) -> None:
    window = idle(60, drift={"yard": WINDOW_OF_DRIFT})
    assert resting.passes(window) == window


def test_a_slow_warming_is_told_when_it_has_come_far_enough(resting: Quiet) -> None:
    told = [resting.passes(idle(60, temperature_c=50.0 + degrees)) for degrees in (3, 6, 9, 11, 13, 15)]
    assert [window is not None for window in told] == [False, False, False, True, False, False]


def test_after_activity_the_first_quiet_window_is_sent_again(resting: Quiet) -> None:
    busy = structs.replace(IDLE, ledger=FrameLedger(captured=200, inferred=20, gated=180))
    assert resting.passes(busy) == busy
    after = resting.passes(structs.replace(busy, ledger=FrameLedger(captured=250, inferred=20, gated=230)))
    assert after is not None
    assert after.next_s == 60.0


def test_what_is_held_back_is_sent_at_the_end(resting: Quiet) -> None:
    assert resting.passes(idle(60)) is None
    assert resting.passes(idle(70)) is None
    rest = resting.rest()
    assert rest is not None
    assert (rest.window_s, rest.ledger.gated) == (10.0, 70)
    assert resting.rest() is None


def test_before_any_window_nothing_is_held_back() -> None:
    assert Quiet().rest() is None
