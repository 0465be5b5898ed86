"""When a rollout may tell devices: `Mon-Fri 22:00-05:00 Europe/Berlin`, several joined by `;`. Pure.

A window belongs to the day it begins on, so the Friday of the example ends on Saturday at five. Without days it is open
every day, without a zone it is UTC. Where clocks are put forward a moment that does not exist counts as the one after,
and where they are put back the first of the two counts: Python's `fold=0` (PEP 495).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from contract.errors import ConfigError

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_FORM = re.compile(r"(?:(?P<days>[A-Za-z,-]+)\s+)?(?P<first>\d\d?:\d\d)-(?P<last>\d\d?:\d\d)(?:\s+(?P<zone>\S+))?")


class _Span(NamedTuple):
    days: frozenset[int]
    first: time
    last: time
    zone: tzinfo

    def openings(self, near_s: float) -> Iterator[tuple[float, float]]:
        """Beginning and end of each opening from the day before `near_s` to eight days after, in order."""
        today = datetime.fromtimestamp(near_s, self.zone).date()
        for offset in range(-1, 9):
            day = today + timedelta(days=offset)
            if day.weekday() in self.days:
                last = day if self.last > self.first else day + timedelta(days=1)
                yield self._moment(day, self.first), self._moment(last, self.last)

    def _moment(self, day: date, at: time) -> float:
        return datetime.combine(day, at, tzinfo=self.zone).timestamp()


class Window:
    """When telling is allowed; always, for an empty text. ConfigError for one that cannot be read."""

    def __init__(self, text: str) -> None:
        self._spans = tuple(_span(part.strip(), text) for part in text.split(";")) if text.strip() else ()

    def is_open(self, at_s: float) -> bool:
        """Whether devices may be told at this moment."""
        return not self._spans or any(begin <= at_s < end for begin, end in self._openings(at_s))

    def opens_at(self, at_s: float) -> float:
        """The first moment from `at_s` on at which it is open."""
        if self.is_open(at_s):
            return at_s
        return min(begin for begin, _ in self._openings(at_s) if begin >= at_s)

    def closes_at(self, at_s: float) -> float | None:
        """When the opening around `at_s` ends; None where it never does."""
        return max((end for begin, end in self._openings(at_s) if begin <= at_s < end), default=None)

    def _openings(self, at_s: float) -> Iterator[tuple[float, float]]:
        return (opening for span in self._spans for opening in span.openings(at_s))


def _span(text: str, whole: str) -> _Span:
    match = _FORM.fullmatch(text)
    if match is None:
        raise _unreadable(whole, f"{text!r} is not a time window")
    first, last = _time(match["first"], whole), _time(match["last"], whole)
    if first == last:
        raise _unreadable(whole, f"{text!r} begins when it ends")
    return _Span(_days(match["days"], whole), first, last, _zone(match["zone"], whole))


def _time(text: str, whole: str) -> time:
    hour, minute = map(int, text.split(":"))
    if hour > 23 or minute > 59:
        raise _unreadable(whole, f"{text!r} is not a time of day")
    return time(hour, minute)


def _days(text: str | None, whole: str) -> frozenset[int]:
    if text is None:
        return frozenset(range(7))
    found: set[int] = set()
    for part in text.split(","):
        names = [name.capitalize() for name in part.split("-")]
        if len(names) > 2 or any(name not in _DAYS for name in names):
            raise _unreadable(whole, f"{part!r} is neither a day like Mon nor a range like Mon-Fri")
        first, last = _DAYS.index(names[0]), _DAYS.index(names[-1])
        found |= {(first + step) % 7 for step in range((last - first) % 7 + 1)}
    return frozenset(found)


def _zone(name: str | None, whole: str) -> tzinfo:
    if name in (None, "UTC", "Z"):
        return timezone.utc
    try:
        return ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError, OSError) as problem:
        raise _unreadable(whole, f"{name!r} is not a time zone") from problem


def _unreadable(text: str, why: str) -> ConfigError:
    return ConfigError(why, where=f"window {text!r}", fix="Write it like Mon-Fri 22:00-05:00 Europe/Berlin.")
