"""A few of many, evenly apart: pictures to calibrate on, to emulate, to carry as golden frames."""

from __future__ import annotations


def spread(count: int, limit: int) -> list[int]:
    """At most `limit` indices below `count`, evenly apart, ascending."""
    taken = min(count, limit)
    return [index * (count - 1) // max(taken - 1, 1) for index in range(taken)]
