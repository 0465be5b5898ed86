"""Short lists of facts as plain HTML tables."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from fleet.page.shell import button, chip, element, text
from fleet.page.words import tone


class State(NamedTuple):
    """A state, drawn as a chip in the colour of what it means."""

    words: str


class Colour(NamedTuple):
    """Words as a chip of a named tone."""

    words: str
    tone: str


class DeviceLink(NamedTuple):
    """A device's name that leads to its page."""

    device: str


class Press(NamedTuple):
    """Words that do something."""

    words: str
    act: Callable[[], Any]
    hint: str


Cell = str | State | Colour | DeviceLink | Press


def listing(head: Sequence[str], rows: Iterable[Sequence[Cell]], *, testid: str = "") -> None:
    """Draw it; it scrolls sideways by itself where the screen is narrow."""
    with element("div", "ef-scroll"), element("table", "ef-list", testid=testid):
        with element("thead"), element("tr"):
            for name in head:
                text(name, tag="th").props('scope="col"')
        with element("tbody"):
            for row in rows:
                with element("tr"):
                    for cell in row:
                        _draw(cell)


def _draw(cell: Cell) -> None:
    match cell:
        case str():
            text(cell, tag="td")
        case DeviceLink(device):
            name = html.escape(device)
            text(f'<a href="/devices/{name}">{name}</a>', "ef-num", tag="td", raw=True)
        case State(words):
            with element("td"):
                chip(words, tone(words))
        case Colour(words, colour):
            with element("td"):
                chip(words, colour)
        case Press(words, act, hint):
            with element("td"):
                button(words, act, hint=hint)
