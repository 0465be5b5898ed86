"""How many planted defects the converters refuse, and how many good conversions they let pass.

The same defects and conversions as in `tests/converters/defects`, counted: a defect is found when it is refused for its
own reason, by the words it must be refused with.
"""

from __future__ import annotations

import re

from contract.errors import FerryError
from scripts.benchmarks.figure import Figure
from tests.converters.defects.conversion import refusal
from tests.converters.defects.good import GOOD
from tests.converters.defects.planted import DEFECTS, Defect

SHORT = 4
"""Every fourth of them will do for a short run."""


def figures(short: bool) -> dict[str, Figure]:
    """Both counts, of all there are."""
    step = SHORT if short else 1
    planted, good = list(DEFECTS.values())[::step], list(GOOD.values())[::step]
    refused = sum(_found(defect) for defect in planted)
    passed = sum(refusal(make()) is None for make in good)
    return {
        "planted_defects_refused": _all(refused, len(planted)),
        "good_conversions_passed": _all(passed, len(good)),
    }


def _found(defect: Defect) -> bool:
    try:
        defect.spoil()
    except FerryError as problem:
        return isinstance(problem, defect.error) and re.search(defect.words, str(problem)) is not None
    return False


def _all(count: int, of: int) -> Figure:
    return Figure(count, f"of {of}", f"all {of}", count == of)
