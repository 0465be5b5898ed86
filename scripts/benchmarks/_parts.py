"""One benchmark out of several, each of which may be run alone.

Parts run one after the other, so that none weighs on another's figures.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable

from scripts.benchmarks.figure import Figure


def figures_of(area: str, parts: Iterable[str], short: bool) -> dict[str, Figure]:
    """The figures of `AREA_PART` for every part, each under the part's name."""
    found: dict[str, Figure] = {}
    for part in parts:
        module = importlib.import_module(f"scripts.benchmarks.{area}_{part}")
        found |= {f"{part}.{name}": figure for name, figure in module.figures(short).items()}
    return found
