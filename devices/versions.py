"""Versions of packages compared with a range, for the doctor: enough of PEP 440 for what the catalog says.

Only the release numbers count: `1.21.0rc1`, `1.21.0+cu126` and `1.21.0` are one version here, because a crash that a
release has, its candidates and builds have too. pip decides what may be installed; nothing here does.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable

Release = tuple[int, ...]
_COMPARE: dict[str, Callable[[Release, Release], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
_CLAUSE = re.compile(r"\s*(>=|<=|==|!=|>|<)\s*([0-9]+(?:\.[0-9]+)*)\s*")
_NUMBERS = re.compile(r"\s*v?([0-9]+(?:\.[0-9]+)*)")


def release(version: str) -> Release:
    """The numbers of `version` without trailing zeros, so that 2 and 2.0 are equal; ValueError where it has none."""
    numbers = _NUMBERS.match(version)
    if numbers is None:
        raise ValueError(f"{version!r} is no version")
    found = [int(number) for number in numbers[1].split(".")]
    while len(found) > 1 and found[-1] == 0:
        found.pop()
    return tuple(found)


def satisfies(version: str, specifier: str) -> bool:
    """Whether `version` fits every clause of `specifier`, e.g. `>=1.19.2,<1.24`; an empty one fits all. ValueError."""
    wanted = release(version)
    clauses = [_CLAUSE.fullmatch(clause) for clause in specifier.split(",")] if specifier.strip() else []
    if None in clauses:
        raise ValueError(f"{specifier!r} is no range of versions")
    return all(_COMPARE[clause[1]](wanted, release(clause[2])) for clause in clauses if clause is not None)
