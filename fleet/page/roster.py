"""Every device in short, kept in memory for the page: a list of thousands is filtered, sorted and cut in milliseconds.

One `Roster` serves all viewers. A look reads a few plain columns of every row and the JSON of those rows alone that
have changed since the last look; looks within a second share one answer, and nobody looking costs nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError

from fleet import tables
from fleet.page.words import Presence, patience_s
from fleet.store import Store

Status = Literal["", "online", "quiet", "offline"]
FRESH_S = 0.8
_AT_ONCE = 500
_D = tables.DEVICES.c
_MARKS = (_D.device, _D.online, _D.last_seen_s, _D.boot, _D.latest_boot, _D.latest_sequence, _D.model)


class _Birth(msgspec.Struct):
    """What the list shows of a birth."""

    site: str = ""
    profile: str = ""
    tags: dict[str, str] = {}


class _Total(msgspec.Struct):
    p95: float


class _Stages(msgspec.Struct):
    total: _Total | None = None


class _Ledger(msgspec.Struct):
    captured: int = 0
    dropped: dict[str, int] = {}


class _Reading(msgspec.Struct):
    """What the list shows of a reading."""

    ledger: _Ledger
    window_s: float = 0.0
    frames_per_s: float = 0.0
    latency_ms: _Stages = msgspec.field(default_factory=_Stages)
    classes: dict[str, int] = {}
    temperature_c: float | None = None
    next_s: float | None = None


_BIRTHS, _READINGS = msgspec.json.Decoder(_Birth), msgspec.json.Decoder(_Reading)


@dataclass(frozen=True, slots=True)
class Entry:
    """One device; what it measured is None while it is away."""

    id: str
    online: bool
    seen_s: float | None
    site: str
    profile: str
    model: str
    place: tuple[float, float] | None
    """Latitude and longitude in degrees."""
    rate: float | None
    p95: float | None
    dropped: float | None
    """0..1."""
    temperature: float | None
    classes: dict[str, int]
    patience_s: float
    """Silent for longer, it is quiet."""
    words: str
    """What a search looks through, in small letters."""

    def presence(self, now_s: float) -> Presence:
        """Online as the broker says, unless it has long said nothing."""
        if not self.online:
            return "offline"
        if self.rate is None or self.seen_s is None:
            return "online"
        return "quiet" if now_s - self.seen_s > self.patience_s else "online"


@dataclass(frozen=True, slots=True)
class Query:
    """What somebody wants to see of the list."""

    search: str = ""
    status: Status = ""
    site: str = ""
    profile: str = ""
    model: str = ""
    area: tuple[float, float, float, float] | None = None
    """South, west, north, east in degrees."""
    sort: str = "id"
    down: bool = False
    page: int = 0
    size: int = 50


@dataclass(frozen=True, slots=True)
class Found:
    """One page of the list."""

    entries: tuple[Entry, ...]
    total: int
    """Over all pages."""
    page: int
    """The one asked for, or the last there is."""


@dataclass(frozen=True, slots=True)
class Sight:
    """The fleet at one moment."""

    at_s: float
    entries: tuple[Entry, ...]
    """By name."""
    presences: dict[str, int]
    rate: float
    """Frames a second of all devices online."""

    def find(self, query: Query) -> Found:
        """The page of the list `query` asks for."""
        fitting = [entry for entry in self.entries if _fits(entry, query, self.at_s)]
        if query.sort != "id" or query.down:
            fitting = _sorted(fitting, query, self.at_s)
        page = max(0, min(query.page, (len(fitting) - 1) // query.size))
        return Found(tuple(fitting[page * query.size : (page + 1) * query.size]), len(fitting), page)

    def choices(self) -> dict[str, list[str]]:
        """Sites, profiles and models there are."""
        names = ("site", "profile", "model")
        return {name: sorted({getattr(entry, name) for entry in self.entries} - {""}) for name in names}

    def labels(self) -> set[str]:
        """Every class that is being seen."""
        return {label for entry in self.entries for label, seen in entry.classes.items() if seen}


@dataclass
class Roster:
    """`look` from any thread."""

    store: Store
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _marks: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    _entries: dict[str, Entry] = field(default_factory=dict)
    _sight: Sight | None = None

    def look(self, now_s: float | None = None) -> Sight:
        """The fleet as it is, at most `FRESH_S` old; while the store is away, as it was last seen."""
        now_s = time.time() if now_s is None else now_s
        with self._lock:
            if self._sight is None or not 0 <= now_s - self._sight.at_s < FRESH_S:
                try:
                    with self.store.reading() as connection:
                        self._catch_up(connection)
                except OperationalError:
                    if self._sight is None:
                        raise
                    return self._sight
                self._sight = _sum_up(tuple(self._entries.values()), now_s)
            return self._sight

    def _catch_up(self, connection: Connection) -> None:
        """Read the rows that differ from what is known."""
        marks = {row[0]: tuple(row) for row in connection.execute(sa.select(*_MARKS).order_by(_D.device))}
        changed = [device for device, mark in marks.items() if self._marks.get(device) != mark]
        known = self._entries
        fresh = {entry.id: entry for entry in _read(connection, changed, all_of=len(changed) * 3 > len(marks))}
        self._entries = {device: fresh.get(device) or known[device] for device in marks}
        self._marks = marks


def _read(connection: Connection, devices: list[str], *, all_of: bool) -> Iterable[Entry]:
    query = sa.select(_D.device, _D.online, _D.last_seen_s, _D.model, _D.birth, _D.latest)
    if all_of:
        yield from (_entry(*row) for row in connection.execute(query))
        return
    for first in range(0, len(devices), _AT_ONCE):
        some = query.where(_D.device.in_(devices[first : first + _AT_ONCE]))
        yield from (_entry(*row) for row in connection.execute(some))


def _entry(device: str, online: bool, seen_s: float | None, model: str, birth: str | None, latest: str | None) -> Entry:
    born = _BIRTHS.decode(birth) if birth else _Birth()
    reading = _READINGS.decode(latest) if latest else None
    now = reading if online else None
    total = now.latency_ms.total if now else None
    dropped = sum(now.ledger.dropped.values()) / now.ledger.captured if now and now.ledger.captured else None
    return Entry(
        id=device,
        online=online,
        seen_s=seen_s,
        site=born.site,
        profile=born.profile,
        model=model,
        place=place_of(born.tags),
        rate=now.frames_per_s if now else None,
        p95=total.p95 if total else None,
        dropped=dropped,
        temperature=now.temperature_c if now else None,
        classes={label: seen for label, seen in now.classes.items() if seen} if now else {},
        patience_s=patience_s(reading.window_s, reading.next_s) if reading else 0.0,
        words=" ".join((device, born.site, born.profile, model, *(f"{k}={v}" for k, v in born.tags.items()))).lower(),
    )


def place_of(tags: dict[str, str]) -> tuple[float, float] | None:
    """Latitude and longitude of a birth's tags; None where they are missing or make no sense."""
    try:
        latitude, longitude = float(tags["lat"]), float(tags["lon"])
    except (KeyError, ValueError):
        return None
    return (latitude, longitude) if -90 <= latitude <= 90 and -180 <= longitude <= 180 else None


def _sum_up(entries: tuple[Entry, ...], now_s: float) -> Sight:
    presences = {"online": 0, "quiet": 0, "offline": 0}
    for entry in entries:
        presences[entry.presence(now_s)] += 1
    return Sight(now_s, entries, presences, sum(entry.rate or 0.0 for entry in entries))


def _fits(entry: Entry, query: Query, now_s: float) -> bool:
    if query.area is not None:
        south, west, north, east = query.area
        if entry.place is None or not (south <= entry.place[0] <= north and west <= entry.place[1] <= east):
            return False
    return (
        all(word in entry.words for word in query.search.lower().split())
        and query.site in ("", entry.site)
        and query.profile in ("", entry.profile)
        and query.model in ("", entry.model)
        and query.status in ("", entry.presence(now_s))
    )


def _sorted(entries: list[Entry], query: Query, now_s: float) -> list[Entry]:
    """Stable, and what is not known comes last in both directions."""

    def value(entry: Entry) -> Any:
        if query.sort == "presence":
            return entry.presence(now_s)
        if query.sort == "seen":
            return entry.seen_s
        return getattr(entry, query.sort)

    known = [entry for entry in entries if value(entry) not in (None, "")]
    unknown = [entry for entry in entries if value(entry) in (None, "")]
    return [*sorted(known, key=value, reverse=query.down), *unknown]
