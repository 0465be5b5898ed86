"""One measured number."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A value, what it is counted in, and whether it is good enough."""

    value: float
    unit: str
    goal: str | None = None
    """In words a person checks, e.g. `at most 1.05`; None where nothing is promised."""
    holds: bool | None = None
    """Whether the goal is reached; None without a goal."""


def at_most(value: float, limit: float, unit: str = "x") -> Figure:
    """A figure with a goal that smaller is better."""
    return Figure(value, unit, f"at most {limit:g}", value <= limit)


def at_least(value: float, limit: float, unit: str = "x") -> Figure:
    """A figure with a goal that larger is better."""
    return Figure(value, unit, f"at least {limit:g}", value >= limit)
