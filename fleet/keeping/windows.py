"""Readings of one boot, each as a summary of its own."""

from __future__ import annotations

from collections.abc import Sequence

from contract.messages import Telemetry
from contract.moments import unix_s
from fleet.keeping.histogram import spread
from fleet.keeping.summary import Summary, frames_of
from fleet.keeping.tallies import shares, tally


def summaries(readings: Sequence[Telemetry], before: Sequence[Telemetry] = ()) -> list[tuple[float, Summary]]:
    """(end of the window by the device's clock, its summary) for readings in ascending sequence.

    `before` is the reading before the first, where there is one: counters are differences to it.
    """
    counts = shares([tally(reading) for reading in before], [tally(reading) for reading in readings])
    found: list[tuple[float, Summary]] = []
    for reading in readings:
        summary = Summary()
        summary.read(reading)
        summary.count(counts[reading.sequence])
        found.append((_moment(reading.at), summary))
    _add_latencies(readings, [summary for _, summary in found])
    return found


def _add_latencies(readings: Sequence[Telemetry], found: Sequence[Summary]) -> None:
    stages = [(place, stage) for place, reading in enumerate(readings) for stage in reading.latency_ms]
    windows = []
    for target, (place, stage) in enumerate(stages):
        said = readings[place].latency_ms[stage]
        windows.append((target, said.p50, said.p95, said.p99, frames_of(readings[place])))
    for target, histogram in spread(windows).items():
        place, stage = stages[target]
        found[place].latency[stage] = histogram


def _moment(said: str) -> float:
    try:
        return unix_s(said)
    except (ValueError, OverflowError):
        return 0.0
