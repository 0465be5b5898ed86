"""The list of devices in a browser: one page of it and, from then on, only the cells that change."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Mapping
from typing import Any

import msgspec
from nicegui.element import Element
from nicegui.events import GenericEventArguments

from fleet.page import words
from fleet.page.roster import Entry, Query, Roster, Sight

_COLUMNS = (
    ("id", "Device", False),
    ("site", "Site", False),
    ("profile", "Profile", False),
    ("model", "Model", False),
    ("rate", "Frames/s", True),
    ("p95", "Latency p95", True),
    ("dropped", "Dropped", True),
    ("temperature", "Temperature", True),
    ("classes", "Seen", False),
    ("seen", "Last heard", True),
)
_SORTABLE = {name for name, _, _ in _COLUMNS} - {"classes"}
_FILTERS = ("search", "status", "site", "profile", "model")
Row = dict[str, Any]


class DeviceList(Element, component="devices.js"):
    """`refresh` it with each look at the fleet; `narrow` it from elsewhere on the page."""

    def __init__(self, roster: Roster, sight: Sight, wanted: Mapping[str, str]) -> None:
        """`wanted` are filters of the page's address."""
        super().__init__()
        self._roster = roster
        chosen = {name: wanted[name] for name in _FILTERS if wanted.get(name)}
        self._query, self._asked = _query(chosen), 0
        self._rows: dict[str, Row] = {}
        self._around: dict[str, Any] = {}
        self._props["columns"] = [{"name": n, "label": label, "right": right} for n, label, right in _COLUMNS]
        self._props["first"] = self._answer(sight) | {"query": chosen}
        self.on("ask", self._ask)

    def refresh(self, sight: Sight) -> None:
        """Send what differs from what the browser shows, if anything."""
        before, rows_before = self._around, self._rows
        answer = self._answer(sight)
        if list(rows_before) != list(self._rows):
            self.run_method("show", answer)
            return
        changes = [
            [device, cells]
            for device, row in self._rows.items()
            if (cells := {name: cell for name, cell in row.items() if rows_before[device][name] != cell})
        ]
        if changes:
            self.run_method("patch", changes, round(sight.at_s, 1))
        if before != self._around:
            self.run_method("show", {"asked": self._asked, "now": sight.at_s, **self._around})

    def narrow(self, area: list[float], place: str) -> None:
        """Only devices within `area`: south, west, north, east in degrees."""
        self.run_method("narrow", {"area": area, "place": place})

    async def _ask(self, asked: GenericEventArguments) -> None:
        """A viewer searches, sorts, filters or turns the page."""
        self._query, self._asked = _query(asked.args), int(asked.args.get("asked", 0))
        sight = await to_thread(self._roster.look)
        answer = await to_thread(self._answer, sight)
        self.run_method("show", answer)

    def _answer(self, sight: Sight) -> dict[str, Any]:
        found, palette = sight.find(self._query), words.colours(sight.labels())
        self._rows = {entry.id: _row(entry, palette, sight.at_s) for entry in found.entries}
        self._around = {
            "total": found.total,
            "page": found.page,
            "choices": sight.choices(),
            "key": list(palette.items())[: len(words.PALETTE)],
            "size": self._query.size,
        }
        return {"asked": self._asked, "now": sight.at_s, "rows": list(self._rows.values()), **self._around}


def _query(asked: Mapping[str, Any]) -> Query:
    """From what a browser sent; what makes no sense is left at its default."""
    known = {name: asked[name] for name in (*_FILTERS, "area", "sort", "down", "page") if asked.get(name) is not None}
    if known.get("sort", "id") not in _SORTABLE:
        del known["sort"]
    try:
        return msgspec.convert(known, Query)
    except msgspec.ValidationError:
        return Query()


def _row(entry: Entry, palette: Mapping[str, str], now_s: float) -> Row:
    return {
        "id": entry.id,
        "presence": entry.presence(now_s),
        "site": entry.site,
        "profile": entry.profile,
        "model": entry.model,
        "rate": words.number(entry.rate),
        "p95": words.number(entry.p95, "ms"),
        "dropped": words.share(entry.dropped),
        "temperature": words.number(entry.temperature, "°C"),
        "classes": words.legend(entry.classes),
        "bar": words.bar(entry.classes, palette),
        "seen": entry.seen_s and round(entry.seen_s),
    }
