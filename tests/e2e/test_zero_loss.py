"""The campaign of `scripts/bench updates_zero_loss --short`: everything is killed and nothing is lost."""

from __future__ import annotations

import shutil

import pytest

from scripts.benchmarks._zero_loss_check import Row, Verdict, judged
from scripts.benchmarks.updates_zero_loss import LONG, SHORT, outage, run, schedule
from tests.broker import MOSQUITTO


@pytest.mark.skipif(not shutil.which(MOSQUITTO), reason="mosquitto is not installed")
def test_every_accepted_reading_is_stored_once_and_in_order_whoever_is_killed() -> None:
    found = run(SHORT)
    verdict = found.verdict
    assert verdict.noted == SHORT.readings
    assert (verdict.lost, verdict.twice, verdict.out_of_order, verdict.gaps) == (0, 0, 0, 0)
    assert verdict.unnoted <= 5 * found.agent_kills
    assert (found.broker_starts, found.agent_kills) == (3, 6)
    assert found.collector_starts >= 3


def test_a_schedule_is_the_same_each_time_and_kills_as_often_as_it_says() -> None:
    faults = schedule(LONG)
    assert faults == schedule(LONG)
    assert {what: sum(f.what == what for f in faults) for what in LONG.kills} == LONG.kills
    begin, end = outage(LONG)
    assert not [f for f in faults if f.what == "broker" and begin < f.at_s < end]


@pytest.mark.parametrize(
    ("rows", "noted", "expected"),
    [
        ([("a", 1, 1), ("a", 2, 2), ("b", 1, 4)], [1, 2, 4], Verdict(stored=3, noted=3)),
        ([("a", 1, 1)], [1, 2], Verdict(stored=1, noted=2, lost=1)),
        ([("a", 1, 1), ("b", 1, 1)], [1], Verdict(stored=2, noted=1, twice=1, out_of_order=1)),
        ([("a", 1, 2), ("a", 2, 1)], [2, 1], Verdict(stored=2, noted=2, out_of_order=1)),
        ([("a", 1, 1), ("a", 3, 2)], [1, 2], Verdict(stored=2, noted=2, out_of_order=1)),
        ([("a", 1, 1), ("a", 2, 2)], [1], Verdict(stored=2, noted=1, unnoted=1)),
    ],
)
def test_the_check_sees_each_kind_of_fault(
    rows: list[tuple[str, int, int]], noted: list[int], expected: Verdict
) -> None:
    assert judged([Row(*row) for row in rows], noted) == expected
