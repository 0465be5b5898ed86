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
from starlette.requests import HTTPConnection

from contract.errors import FerryError
from fleet.alerts import open_alerts
from fleet.page.acts import refusal_words
from fleet.page.palette import tokens
from fleet.parts import Parts
from fleet.people.actor import LOCAL, Actor, actor_of, may

T = TypeVar("T")
REFRESH_S = 1.0
_HERE = Path(__file__).parent
_LOOK = tokens() + (_HERE / "page.css").read_text(encoding="utf-8")
_SCRIPT = (_HERE / "page.js").read_text(encoding="utf-8")
_PLACES = (
    ("Overview", "/"),
    ("Rollouts", "/rollouts"),
    ("Releases", "/releases"),
    ("Alerts", "/alerts"),
    ("Quarantine", "/quarantine"),
    ("Audit", "/audit"),
    ("API", "/docs"),
)
_THEME = (
    '<select id="ef-theme" class="ef-theme" aria-label="Colours" onchange="efTheme(this.value)">'
    '<option value="">System</option><option value="light">Light</option><option value="dark">Dark</option></select>'
)


def add_look() -> None:
    """Style and script of all pages; once, before the first is asked for."""
    ui.add_css(_LOOK, shared=True)
    ui.add_head_html(f"<script>{_SCRIPT}</script>", shared=True)


def visit() -> HTTPConnection:
    """The request of the page that is being drawn or used."""
    return ui.context.client.request


def actor() -> Actor:
    """Who looks at it."""
    return actor_of(visit())


def may_act() -> bool:
    """Whether who looks may change anything."""
    return may(actor(), "operator")


@contextlib.contextmanager
def shell(parts: Parts, here: str, title: str) -> Iterator[None]:
    """The frame around a page; the block fills its middle."""
    ui.page_title(f"{title} · {parts.fleet} · edgeferry")
    text("Skip to content", "ef-skip", tag="a").props('href="#content"')
    with element("header", "ef-top"), element("div", "ef-bar"):
        text(f"edgeferry<span>{html.escape(parts.fleet)}</span>", "ef-brand", raw=True)
        with element("nav", "ef-nav").props('aria-label="Pages"'):
            badge = [_link(name, path, here) for name, path in _PLACES][3]
        broker = chip("", testid="broker")
        if (who := actor()) != LOCAL:
            said = f"{who.name}, {who.role}"
            text(said, "ef-dim ef-who", tag="a", testid="visitor").props('href="/logout" title="Log out"')
        text(_THEME, tag="span", raw=True)
        keep_fresh(parts, _count_alerts, lambda count: markup(badge, _alerts_words(count)))
        ui.timer(REFRESH_S, lambda: _show_broker(broker, parts))
    with element("main", "ef-main").props('id="content" tabindex="-1"'):
        for warning in parts.health().warnings:
            text(warning, "ef-notice", testid="warning").style("margin-bottom: 12px")
        yield


def _link(name: str, path: str, here: str) -> ui.html:
    link = ui.html(name, sanitize=False, tag="a").props(f'href="{path}"')
    return link.props('aria-current="page"') if path == here else link


def _count_alerts(connection: Connection) -> tuple[int]:
    return (len(open_alerts(connection)),)


def _alerts_words(count: tuple[int]) -> str:
    return f'Alerts <span class="ef-badge" title="open alerts">{count[0]}</span>' if count[0] else "Alerts"


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


async def attempt(act: Callable[..., T], *given: Any) -> T | None:
    """Do what a person asked for; a refusal is shown as one sentence and gives None."""
    try:
        return await run.io_bound(act, *given)
    except FerryError as refusal:
        ui.notify(refusal_words(refusal), type="negative", multi_line=True, timeout=10_000, close_button="Close")
        return None


async def agreed(title: str, words: str, yes: str, *, no: str = "Cancel", grave: bool = True) -> bool:
    """Ask before something that cannot be undone; Esc and a click beside it mean no."""
    with outside(), ui.dialog() as dialog, ui.card().classes("ef-dialog"):
        text(title, tag="h2")
        text(words, "ef-dim")
        with element("div", "ef-buttons"):
            button(no, lambda: dialog.submit(False))
            button(yes, lambda: dialog.submit(True), kind="grave" if grave else "main", testid="agree")
    answer = await dialog
    dialog.delete()
    return bool(answer)


def button(
    label: str, act: Callable[..., Any] | None = None, *, kind: str = "", testid: str = "", hint: str = ""
) -> Element:
    """A plain HTML button in the page's look: `main`, `grave`, or neither."""
    made = element("button", f"ef-button {kind}", testid=testid).props('type="button"')
    with made:
        text(label, tag="span")
    if act is not None:
        made.on("click", act)
    return made.props(f'title="{hint}"') if hint else made


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
