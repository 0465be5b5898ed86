"""The governor on a simulated heat sink, and the rules it keeps whatever it reads."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from statistics import mean
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.heat import DEFAULT_LIMIT_C, LEAST_SHARE, Governor
from edge.thermal import Heat
from tests.edge.test_thermal import zone

NOWHERE = Path("/nonexistent")
HOUR_S = 3600


class Day(NamedTuple):
    """What became of a simulated device."""

    peak_c: float
    shares: list[float]
    changes: int
    thread_changes: int

    def later(self) -> list[float]:
        return self.shares[HOUR_S:]


def simulate(*, tau_s: float, work_c: float, ambient_c: float = 30.0, idle_c: float = 15.0, hours: int = 3) -> Day:
    """A first-order heat sink: work at the full rate makes it `work_c` warmer in the end, two thirds of it after
    `tau_s`. The sensor trembles by half a degree and counts in steps of 0.487, as a Raspberry Pi's does.
    """
    governor, chance = Governor(limit_c=80.0), random.Random(7)
    celsius, share, peak_c = ambient_c + idle_c, 1.0, 0.0
    advices = []
    for second in range(hours * HOUR_S):
        celsius += (ambient_c + idle_c + work_c * share - celsius) / tau_s
        peak_c = max(peak_c, celsius)
        read_c = round((celsius + chance.uniform(-0.5, 0.5)) / 0.487) * 0.487
        advices.append(governor.advise(Heat(celsius=read_c), float(second)))
        share = advices[-1].frame_share
    pairs = list(itertools.pairwise(advices))
    return Day(
        peak_c,
        [advice.frame_share for advice in advices],
        sum(a.frame_share != b.frame_share for a, b in pairs[HOUR_S:]),
        sum(a.threads != b.threads for a, b in pairs),
    )


@pytest.mark.parametrize("work_c", [30.0, 50.0, 80.0, 150.0])
@pytest.mark.parametrize("tau_s", [30.0, 60.0, 200.0, 600.0])
def test_it_settles_under_the_limit_with_most_of_what_could_be_had(tau_s: float, work_c: float) -> None:
    day = simulate(tau_s=tau_s, work_c=work_c)
    best = min(1.0, (80.0 - 45.0) / work_c)
    assert day.peak_c < 80.0
    assert mean(day.later()) >= 0.7 * best
    assert day.changes <= 2 * 6, "six an hour once it has settled"
    assert day.thread_changes <= 3


def test_a_cool_device_is_left_alone() -> None:
    day = simulate(tau_s=60.0, work_c=20.0)
    assert set(day.shares) == {1.0}


def test_when_the_sun_has_gone_everything_comes_back() -> None:
    governor = Governor(limit_c=80.0)
    for second in range(60):
        advice = governor.advise(Heat(celsius=79.0), float(second))
    assert advice.frame_share < 0.4
    assert advice.threads == 1
    assert "79 °C, to stay under 80 °C" in advice.why
    for second in range(60, HOUR_S):
        advice = governor.advise(Heat(celsius=50.0), float(second))
    assert (advice.frame_share, advice.threads, advice.why) == (1.0, None, "")


def test_where_nothing_helps_it_says_so_and_keeps_the_floor() -> None:
    advice = Governor(limit_c=60.0).advise(Heat(celsius=95.0), 0.0)
    assert advice.frame_share == LEAST_SHARE
    assert "this is the least, and it is still too hot" in advice.why


def test_the_limit_is_the_kernels_where_nobody_gives_one(tmp_path: Path) -> None:
    zone(tmp_path, 0, "cpu-thermal", "40000", {"passive": "70000"})
    assert Governor(root=tmp_path).limit_c == 70.0
    assert Governor(65.0, root=tmp_path).limit_c == 65.0
    assert Governor(root=NOWHERE).limit_c == DEFAULT_LIMIT_C


def test_a_firmware_that_throttles_earlier_is_believed_but_not_for_want_of_voltage() -> None:
    governor = Governor(limit_c=80.0)
    weak = governor.advise(Heat(celsius=50.0, throttled=True, under_voltage=True), 0.0)
    assert governor.limit_c == 80.0
    assert weak.frame_share == 1.0
    assert "power supply" in weak.why
    assert governor.advise(Heat(celsius=72.0, throttled=True), 1.0).frame_share == LEAST_SHARE
    assert governor.limit_c == 72.0
    governor.advise(Heat(celsius=20.0, throttled=True), 2.0)
    assert governor.limit_c == 65.0


@pytest.mark.parametrize("celsius", [None, float("nan"), float("inf")])
def test_a_reading_that_is_none_changes_nothing(celsius: float | None) -> None:
    governor = Governor(limit_c=80.0)
    before = governor.advise(Heat(celsius=78.0), 0.0)
    assert governor.advise(Heat(celsius=celsius), 100.0).frame_share == before.frame_share < 1.0


readings = st.lists(st.tuples(st.floats(0.1, 200.0), st.floats(-20.0, 130.0)), max_size=60)


@settings(deadline=None)
@given(readings, st.floats(-20.0, 130.0), st.floats(-20.0, 130.0))
def test_after_any_past_hotter_never_means_more_and_it_never_leaves_its_range(
    past: list[tuple[float, float]], one_c: float, other_c: float
) -> None:
    def share_after(celsius: float) -> float:
        governor, now_s = Governor(limit_c=80.0), 0.0
        for pause_s, was_c in past:
            now_s += pause_s
            assert LEAST_SHARE <= governor.advise(Heat(celsius=was_c), now_s).frame_share <= 1.0
        return governor.advise(Heat(celsius=celsius), now_s + 1.0).frame_share

    cooler, hotter = sorted((one_c, other_c))
    assert share_after(hotter) <= share_after(cooler)
