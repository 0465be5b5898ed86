"""The alerts themselves: rows of `alerts`, held in memory by whoever watches, and written when they change.

An alert that comes back within the quiet period is the same row opened again. `told` is what people were last told of
it; whatever differs from how it is now is still to be told, so that in the end they always know the present.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec import Struct, structs
from sqlalchemy.engine import Connection

from contract.messages import Birth
from fleet import tables

OPEN, ENDED = "open", "ended"
_CHUNK = 500
"""Names in one query; databases limit them."""


class About(Struct, frozen=True):
    """What an alert is about."""

    kind: str
    subject: str
    device: str | None = None
    rollout: int | None = None


class Entry(Struct):
    """One alert."""

    about: About
    severity: str
    words: str
    since_s: float
    raised_s: float
    id: int | None = None
    """None until it is written."""
    site: str = ""
    profile: str = ""
    tags: dict[str, str] = {}
    ended_s: float | None = None
    returns: int = 0
    told: str = ""
    told_s: float | None = None
    changed: bool = True

    @property
    def state(self) -> str:
        """`open` or `ended`."""
        return OPEN if self.ended_s is None else ENDED

    @property
    def changed_s(self) -> float:
        """When it came to be as it is."""
        return self.raised_s if self.ended_s is None else self.ended_s

    @property
    def to_tell(self) -> bool:
        """Whether people do not know it yet. What began and ended untold need not be known."""
        return self.told != self.state and (self.ended_s is None or self.told == OPEN)


class Book:
    """Every alert that is open, might come back, or is still to be told."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.entries: dict[tuple[str, str], Entry] = {}
        for entry in entries:
            self.entries[entry.about.kind, entry.about.subject] = entry

    def open_entries(self) -> list[Entry]:
        """Those that have not ended."""
        return [entry for entry in self.entries.values() if entry.ended_s is None]

    def raise_(
        self, about: About, severity: str, words: str, *, since_s: float, now_s: float, quiet_s: float
    ) -> Entry | None:
        """Begin one, or open again what ended a moment ago; None where it is open already."""
        known = self.entries.get((about.kind, about.subject))
        if known is not None and known.ended_s is None:
            return None
        if known is not None and known.ended_s is not None and now_s - known.ended_s < quiet_s:
            known.ended_s, known.since_s, known.raised_s = None, since_s, now_s
            known.words, known.severity, known.changed = words, severity, True
            known.returns += 1
            return known
        entry = Entry(about, severity, words, since_s, now_s)
        self.entries[about.kind, about.subject] = entry
        return entry

    def end(self, kind: str, subject: str, now_s: float) -> Entry | None:
        """End one; None where it is not open."""
        entry = self.entries.get((kind, subject))
        if entry is None or entry.ended_s is not None:
            return None
        entry.ended_s, entry.changed = now_s, True
        return entry

    def forget(self, now_s: float, quiet_s: float) -> None:
        """Drop from memory what has ended, was told and will not be the same alert again."""
        over = [
            key
            for key, entry in self.entries.items()
            if entry.ended_s is not None and not entry.to_tell and now_s - entry.ended_s >= quiet_s
        ]
        for key in over:
            del self.entries[key]


def load(connection: Connection, now_s: float, quiet_s: float) -> Book:
    """What whoever begins to watch must know; of one subject the newest."""
    table = tables.ALERTS
    matters = table.c.ended_s.is_(None) | (table.c.ended_s > now_s - quiet_s) | (table.c.told == OPEN)
    return Book(_entry(row) for row in connection.execute(sa.select(table).where(matters).order_by(table.c.id)))


def save(connection: Connection, book: Book) -> None:
    """Write what has changed, each row once; new entries get their number."""
    table = tables.ALERTS
    changed = [entry for entry in book.entries.values() if entry.changed]
    _place([entry for entry in changed if entry.id is None and entry.about.device is not None], connection)
    # First what is known: an alert that ended makes room for the next of its subject.
    known = [entry for entry in changed if entry.id is not None]
    if known:
        here = table.update().where(table.c.id == sa.bindparam("row"))
        names = ("severity", "words", "since_s", "raised_s", "ended_s", "returns", "told", "told_s")
        values = [{name: getattr(entry, name) for name in names} | {"row": entry.id} for entry in known]
        connection.execute(here.values({name: sa.bindparam(name) for name in names}), values)
    new = [entry for entry in changed if entry.id is None]
    if new:
        insert = table.insert().returning(table.c.id, sort_by_parameter_order=True)
        numbers = connection.scalars(insert, [_row(entry) for entry in new]).all()
        for entry, number in zip(new, numbers, strict=True):
            entry.id = number
    for entry in changed:
        entry.changed = False


def delete_old(connection: Connection, before_s: float) -> None:
    """Forget what ended long ago, and silences and notifications of that time."""
    alerts, silences, sent = tables.ALERTS, tables.SILENCES, tables.NOTIFICATIONS
    connection.execute(alerts.delete().where(alerts.c.ended_s < before_s))
    connection.execute(silences.delete().where(silences.c.until_s < before_s))
    connection.execute(sent.delete().where(sent.c.next_s.is_(None) & (sent.c.made_s < before_s)))


def _place(entries: list[Entry], connection: Connection) -> None:
    """Site, profile and tags of the devices they are about: read only now, for these few."""
    table, births = tables.DEVICES, {}
    names = [entry.about.device for entry in entries]
    for first in range(0, len(names), _CHUNK):
        some = sa.select(table.c.device, table.c.birth).where(table.c.device.in_(names[first : first + _CHUNK]))
        births.update({device: birth for device, birth in connection.execute(some) if birth})
    for entry in entries:
        if entry.about.device in births:
            birth = msgspec.json.decode(births[entry.about.device], type=Birth)
            entry.site, entry.profile, entry.tags = birth.site, birth.profile, birth.tags


def _row(entry: Entry) -> Mapping[str, Any]:
    values = structs.asdict(entry) | structs.asdict(entry.about)
    values["tags"] = msgspec.json.encode(entry.tags).decode()
    return {name: value for name, value in values.items() if name not in ("about", "id", "changed")}


def _entry(row: sa.Row[Any]) -> Entry:
    values = dict(row._mapping)
    about = About(*(values.pop(name) for name in About.__struct_fields__))
    return Entry(about, **(values | {"tags": msgspec.json.decode(row.tags), "changed": False}))
