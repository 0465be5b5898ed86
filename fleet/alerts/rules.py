"""When an alert begins and when it ends: the pure core, without clock, store or network.

A rule looks at one thing again and again and calls it `BAD`, `GOOD`, or `BETWEEN` its two thresholds (Schmitt's
trigger). An alert is raised after BAD has held without a break, and cleared after GOOD has; whatever lies between
begins neither and breaks both. `UNKNOWN` says nothing and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal


class Level(Enum):
    """What one look found."""

    GOOD = "good"
    BETWEEN = "between"
    BAD = "bad"
    UNKNOWN = "unknown"


Change = Literal["raised", "cleared"]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long it must hold: for so many seconds, and at so many looks in a row."""

    raise_s: float = 0.0
    raise_looks: int = 1
    clear_s: float = 0.0
    clear_looks: int = 1


@dataclass(frozen=True, slots=True)
class Watch:
    """One rule's memory of one thing."""

    is_open: bool = False
    since_s: float | None = None
    """Since when the looks have spoken for a change without a break; None while they do not."""
    looks: int = 0
    """How many have."""


QUIET = Watch()
"""Of a thing that has nothing wrong: need not be remembered."""


def judge(value: float, *, bad: float, good: float) -> Level:
    """`value` against two thresholds with `good <= bad`: BAD from `bad` upwards, GOOD below `good`."""
    if value >= bad:
        return Level.BAD
    return Level.GOOD if value < good else Level.BETWEEN


def step(
    watch: Watch, level: Level, now_s: float, patience: Patience, *, began_s: float | None = None
) -> tuple[Watch, Change | None]:
    """The memory after one more look, and what it changes.

    `began_s` is when a BAD or GOOD state is known to have begun, where that was before the first look.
    """
    if level is Level.UNKNOWN:
        return watch, None
    if level is not (Level.GOOD if watch.is_open else Level.BAD):
        return Watch(watch.is_open), None
    since_s = watch.since_s if watch.since_s is not None else now_s
    if began_s is not None:
        since_s = min(since_s, began_s)
    looks = watch.looks + 1
    wait_s, wait_looks = (
        (patience.clear_s, patience.clear_looks) if watch.is_open else (patience.raise_s, patience.raise_looks)
    )
    if now_s - since_s < wait_s or looks < wait_looks:
        return Watch(watch.is_open, since_s, looks), None
    return Watch(not watch.is_open), "cleared" if watch.is_open else "raised"
