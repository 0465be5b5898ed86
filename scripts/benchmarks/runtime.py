"""The device's main loop, by all its goals: each part is a benchmark of its own and may be run alone."""

from __future__ import annotations

from scripts.benchmarks._parts import figures_of
from scripts.benchmarks.figure import Figure

PARTS = ("loop", "video", "freshness", "sources", "worker", "answers", "drift", "drift_grid")


def figures(short: bool) -> dict[str, Figure]:
    """The figures of every part, each under the part's name."""
    return figures_of("runtime", PARTS, short)
