"""The device's main loop, by all its goals: each part is a benchmark of its own and may be run alone.

Parts run one after the other, so that none weighs on another's figures.
"""

from __future__ import annotations

import importlib

from scripts.benchmarks.figure import Figure

PARTS = ("loop", "video", "freshness", "sources", "worker", "answers", "drift")


def figures(short: bool) -> dict[str, Figure]:
    """The figures of every part, each under the part's name."""
    found: dict[str, Figure] = {}
    for part in PARTS:
        module = importlib.import_module(f"scripts.benchmarks.runtime_{part}")
        found |= {f"{part}.{name}": figure for name, figure in module.figures(short).items()}
    return found
