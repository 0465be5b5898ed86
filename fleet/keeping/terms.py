"""How long what is kept: the settings of `serve` and `store retain`, and how they are written."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from contract.errors import ConfigError

DAY_S = 86400.0
_WRITTEN = re.compile(r"(\d+(?:\.\d+)?)([hd])")
_UNITS = {"h": 3600.0, "d": DAY_S}


@dataclass(frozen=True)
class Terms:
    """In seconds; infinite for what is never deleted."""

    readings_s: float = 30 * DAY_S
    events_s: float = 30 * DAY_S
    minutes_s: float = 14 * DAY_S
    """Roll-ups by minute; older ones are there by hour alone."""
    rollups_s: float = 400 * DAY_S


def seconds(text: str, *, where: str) -> float:
    """`30d`, `12h` or `forever`, at least an hour; ConfigError for anything else."""
    if text == "forever":
        return math.inf
    found = _WRITTEN.fullmatch(text)
    length = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if not 3600 <= length <= 36500 * DAY_S:
        raise ConfigError(f"{text!r} is no length of time", where=where, fix="Write it like 30d, 12h or forever.")
    return length


def terms(readings: str, events: str, minutes: str, rollups: str) -> Terms:
    """As the options say."""
    return Terms(
        seconds(readings, where="--keep-readings"),
        seconds(events, where="--keep-events"),
        seconds(minutes, where="--keep-minutes"),
        seconds(rollups, where="--keep-rollups"),
    )
