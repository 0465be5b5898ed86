"""Sizes, shares, decibels and times as people read them; `-` for what is not known."""

from __future__ import annotations

import math

UNKNOWN = "-"
EXACT = "exact"
"""Instead of infinitely many decibels: every number is the same."""


def size(size_bytes: int) -> str:
    """In the largest unit of 1024 that leaves a number of at least 1."""
    if size_bytes < 1024:
        return f"{size_bytes} B"
    return f"{size_bytes / 1024:.1f} KiB" if size_bytes < 1024**2 else f"{size_bytes / 1024**2:.1f} MiB"


def share(value: float | None) -> str:
    """0..1 as a percentage."""
    return UNKNOWN if _unknown(value) else f"{value:.2%}"


def measure(value: float | None, *, is_share: bool) -> str:
    """A task's metric: a share of 1, or a number in a unit of its own."""
    return share(value) if is_share else number(value)


def interval(low: float | None, high: float | None, *, is_share: bool = True) -> str:
    """Both ends, or nothing is known."""
    if _unknown(low) or _unknown(high):
        return UNKNOWN
    return f"{low:.1%} to {high:.1%}" if is_share else f"{number(low)} to {number(high)}"


def decibels(value: float | None) -> str:
    """Of signal to noise."""
    if _unknown(value):
        return UNKNOWN
    return EXACT if value == math.inf else f"{value:.1f} dB"


def milliseconds(value: float | None) -> str:
    """Three digits that count, below a second."""
    return UNKNOWN if _unknown(value) else f"{number(value)} ms"


def number(value: float | None) -> str:
    """Three digits that count, no exponent for what a person meets here."""
    if value is None or math.isnan(value):
        return UNKNOWN
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _unknown(value: float | None) -> bool:
    return value is None or math.isnan(value)
