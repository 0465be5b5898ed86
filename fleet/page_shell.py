"""What every page shares: the bar at the top, the parts pages are made of, and how a page keeps itself fresh."""

from __future__ import annotations

import contextlib
import html
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from nicegui import run, ui
from nicegui.element import Element
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError

from fleet.parts import Parts

T = TypeVar("T")
REFRESH_S = 1.0
_LOOK = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
_PLACES = (("Overview", "/"), ("Releases", "/releases"), ("Rollouts", "/rollouts"), ("API", "/docs"))


@contextlib.contextmanager
def shell(parts: Parts, here: str, title: str) -> Iterator[None]:
    """The frame around a page; the block fills its middle."""
    ui.page_title(f"{title} · {parts.fleet}")
    ui.add_css(_LOOK)
    with element("header", "ef-top"), element("div", "ef-bar"):
        text(f"edgeferry<span>{html.escape(parts.fleet)}</span>", "ef-brand", raw=True)
        with element("nav", "ef-nav").props('aria-label="Pages"'):
            for name, path in _PLACES:
                link = ui.html(name, sanitize=False, tag="a").props(f'href="{path}"')
                if path == here:
                    link.props('aria-current="page"')
        broker = chip("", testid="broker")
        ui.timer(REFRESH_S, lambda: _show_broker(broker, parts))
    with element("main", "ef-main"):
        for warning in parts.health().warnings:
            text(warning, "ef-notice", testid="warning").style("margin-bottom: 12px")
        yield


def keep_fresh(parts: Parts, read: Callable[[Connection], T], show: Callable[[T], Awaitable[None] | None]) -> None:
    """Call `show` with what `read` finds, now and every second, where it differs from what is shown."""
    shown: list[Any] = []

    async def look() -> None:
        found = await run.io_bound(_read, parts, read)
        if found is not None and shown != [found]:
            shown[:] = [found]
            waiting = show(found)
            if waiting is not None:
                await waiting

    ui.timer(REFRESH_S, look)


def keep_cards(
    parts: Parts, read: Callable[[Connection], Sequence[T]], card: Callable[[Parts, T], None], *, none: str
) -> None:
    """One card for each thing `read` finds, drawn anew with any news; the words `none` where there is nothing."""
    place = element("div", "ef-stack").style("margin-top: 16px")

    def redraw(found: Sequence[T]) -> None:
        place.clear()
        with place:
            for thing in found:
                card(parts, thing)
            if not found:
                text(none, "ef-empty ef-card")

    keep_fresh(parts, read, redraw)


def _read(parts: Parts, read: Callable[[Connection], T]) -> T | None:
    """None while the store is away: the page keeps what it has."""
    try:
        with parts.store.reading() as connection:
            return read(connection)
    except OperationalError:
        return None


def outside() -> Element:
    """Where a dialog belongs: it must outlive the card whose button opened it, which is redrawn with any news."""
    return ui.context.client.content


def element(tag: str, classes: str = "", *, testid: str = "") -> Element:
    """A plain HTML element, to be filled in a `with` block."""
    made = ui.element(tag).classes(classes)
    return made.props(f'data-testid="{testid}"') if testid else made


def text(content: str, classes: str = "", *, tag: str = "div", testid: str = "", raw: bool = False) -> ui.html:
    """A plain HTML element with text in it; `raw` content is markup its caller has escaped."""
    made = ui.html(content if raw else html.escape(content), sanitize=False, tag=tag).classes(classes)
    if testid:
        made.props(f'data-testid="{testid}"')
    return made


def chip(words: str, tone: str = "dim", *, testid: str = "") -> ui.html:
    """A small rounded label."""
    return text(words, f"ef-chip ef-{tone}", tag="span", testid=testid)


def say(part: ui.html, words: str) -> None:
    """Replace the text of a part; nothing is sent where it is the same."""
    markup(part, html.escape(words))


def markup(part: ui.html, content: str) -> None:
    """Replace the content of a part by markup its caller has escaped."""
    if part.content != content:
        part.set_content(content)


def _show_broker(part: ui.html, parts: Parts) -> None:
    connected = parts.link.connected
    say(part, "broker connected" if connected else "broker away, devices keep their messages")
    part.classes(add="ef-good" if connected else "ef-bad", remove="ef-bad ef-dim" if connected else "ef-good ef-dim")
