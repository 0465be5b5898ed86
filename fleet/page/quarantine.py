"""Messages that could not be read or stored: from whom, how many, why, and how the latest looks."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from nicegui import ui
from sqlalchemy.engine import Connection

from fleet import tables
from fleet.page import words
from fleet.page.shell import chip, element, keep_fresh, shell, text
from fleet.parts import Parts

MOST = 100
_SHOWN_BYTES = 600
_MEANS = {
    "malformed": "It is no message of ours: look at who publishes there, and at the device's version.",
    "schema": "A newer major version sent it: update the fleet server.",
    "oversized": "It is larger than a message may be: have the device send smaller batches.",
    "unstorable": "It could be read and not stored: report it with the sample.",
}


@dataclass(frozen=True, slots=True)
class Refused:
    """One topic and cause."""

    topic: str
    device: str
    cause: str
    messages: int
    first_s: float
    last_s: float
    detail: str
    sample: str


def refused(connection: Connection) -> tuple[Refused, ...]:
    """The latest first, at most `MOST`."""
    table = tables.QUARANTINE
    rows = connection.execute(sa.select(table).order_by(table.c.last_s.desc()).limit(MOST))
    return tuple(
        Refused(
            row.topic,
            _device(row.topic),
            row.cause,
            row.messages,
            row.first_s,
            row.last_s,
            row.detail,
            readable(row.sample),
        )
        for row in rows
    )


def readable(sample: bytes) -> str:
    """The beginning of a payload as text; what is no text becomes a replacement character."""
    text = sample[:_SHOWN_BYTES].decode("utf-8", "replace")
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    return shown + ("…" if len(sample) > _SHOWN_BYTES else "")


def add_quarantine_page(parts: Parts) -> None:
    """Serve it at `/quarantine`."""

    @ui.page("/quarantine")
    def page() -> None:
        with shell(parts, "/quarantine", "Quarantine"):
            text("Quarantine", tag="h1")
            text("Messages that could not be read. Each is counted as lost, and its device goes on.", "ef-dim")
            place = element("div", "ef-stack").style("margin-top: 14px")

            def redraw(found: tuple[Refused, ...]) -> None:
                place.clear()
                with place:
                    if not found:
                        text("Empty: every message so far could be read.", "ef-empty ef-card", testid="empty")
                    for one in found:
                        _card(one)

            keep_fresh(parts, refused, redraw)


def _card(one: Refused) -> None:
    with element("article", "ef-card", testid=f"refused-{one.device}-{one.cause}"):
        with element("div", "ef-head").style("margin-bottom: 6px"):
            chip(one.cause, "bad")
            said = f'<a href="/devices/{one.device}">{one.device}</a>' if one.device else "an unknown device"
            text(said, tag="h2", raw=True)
            text(
                f"{one.messages:,} {'message' if one.messages == 1 else 'messages'}",
                "ef-num",
                tag="span",
                testid="count",
            )
            when = f"{words.clock_s(one.first_s)} to {words.clock_s(one.last_s)} UTC"
            text(when, "ef-dim ef-num ef-push", tag="span")
        text(one.detail)
        text(_MEANS.get(one.cause, ""), "ef-dim").style("margin-bottom: 8px")
        text(one.sample or "(empty)", tag="pre", testid="sample")


def _device(topic: str) -> str:
    """`FLEET/DEVICE/KIND` is what the store keeps."""
    return topic.split("/")[1] if topic.count("/") == 2 else ""
