"""Updates and telemetry, by all their goals: each part is a benchmark of its own and may be run alone.

In its long form this takes hours: ten thousand kills, a million readings, a million fuzzed inputs.
"""

from __future__ import annotations

from scripts.benchmarks._parts import figures_of
from scripts.benchmarks.figure import Figure

PARTS = ("bytes", "deltas", "small", "idle_traffic", "recovery", "kills", "power", "fuzz", "zero_loss")


def figures(short: bool) -> dict[str, Figure]:
    """The figures of every part, each under the part's name."""
    return figures_of("updates", PARTS, short)
