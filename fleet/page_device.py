"""One device: what it is and does now, its readings over time, and how its updates went."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from nicegui import ui
from sqlalchemy.engine import Connection

from fleet import page_charts as charts
from fleet import page_words as words
from fleet.answers import DeviceDetail, Reading
from fleet.page_shell import chip, element, keep_fresh, say, shell, text
from fleet.page_tables import State, listing
from fleet.parts import Parts
from fleet.readings import device_detail, telemetry
from fleet.refusals import NotFoundError

_CHARTS: tuple[tuple[str, str, Callable[[Sequence[Reading]], dict[str, Any]]], ...] = (
    ("latency", "Latency of a frame", charts.latency),
    ("rate", "Frames per second", charts.rate),
    ("classes", "Seen, by class", charts.classes),
    ("confidence", "Mean confidence", charts.confidence),
)
_PRESENCE_TONES = {"online": "good", "quiet": "warn", "offline": "dim"}
_RANGES = {5: "5 min", 15: "15 min", 60: "1 h", 360: "6 h", 1440: "24 h"}


class _Now(NamedTuple):
    """What the words of the page are drawn from."""

    device: DeviceDetail
    second: int
    """So that a device that falls silent is seen to."""


def add_device_page(parts: Parts) -> None:
    """Serve it at `/devices/ID`."""

    @ui.page("/devices/{device}")
    def page(device: str) -> None:
        with shell(parts, "", device):
            try:
                with parts.store.reading() as connection:
                    device_detail(connection, device)
            except NotFoundError:
                text(f"No device called {device} has reported to this fleet.", "ef-empty")
                return
            _live(parts, device)


def _live(parts: Parts, device: str) -> None:
    """Three parts that change at different times: the heading every second, the facts and the charts with readings."""
    heading = _heading(device)
    facts = element("div")
    _charts(parts, device)
    below = element("div", "ef-stack").style("margin-top: 16px")
    shown: list[DeviceDetail] = []

    def show(now: _Now) -> None:
        heading(now)
        if shown == [now.device]:
            return
        shown[:] = [now.device]
        facts.clear()
        with facts:
            _facts(now.device)
        below.clear()
        with below:
            _updates(now.device)
            _gaps(now.device)

    keep_fresh(parts, lambda connection: _Now(device_detail(connection, device), int(time.time())), show)


def _heading(device: str) -> Callable[[_Now], None]:
    """The device's name, and whether it is there."""
    with element("div", "ef-head"):
        text(device, tag="h1", testid="device")
        presence = chip("", testid="presence")
        seen = text("", "ef-dim", testid="seen")

    def show(now: _Now) -> None:
        state = words.presence(now.device, now.second)
        say(presence, state)
        presence.classes(replace=f"ef-chip ef-{_PRESENCE_TONES[state]}")
        say(seen, f"last seen {words.ago(now.device.last_seen, now.second)}")

    return show


def _charts(parts: Parts, device: str) -> None:
    """Redrawn when a reading comes or another range is chosen."""
    minutes = ui.toggle(_RANGES, value=15).props("dense no-caps flat aria-label='Time shown'").classes("ef-range")
    with element("section", "ef-charts"):
        drawn = {name: _chart(name, title) for name, title, _ in _CHARTS}

    def read(connection: Connection) -> tuple[Reading, ...]:
        return telemetry(connection, device, minutes=float(minutes.value), now_s=time.time()).readings

    def show(readings: tuple[Reading, ...]) -> None:
        for name, _, options in _CHARTS:
            drawn[name].options.clear()
            drawn[name].options.update(options(readings))
            drawn[name].update()

    keep_fresh(parts, read, show)


def _chart(name: str, title: str) -> ui.echart:
    with element("div", "ef-card"):
        text(title, tag="h2")
        return ui.echart({}).classes("ef-chart").props(f"data-testid=chart-{name}")


def _facts(device: DeviceDetail) -> None:
    reading = device.telemetry
    said = [
        ("Model", device.model),
        ("Profile", device.profile),
        ("Site", device.site),
        ("Backend", device.backend),
        ("Software", device.edgeferry and f"edgeferry {device.edgeferry}"),
        ("Temperature", words.number(reading.temperature_c, "°C") if reading else ""),
        ("Memory", words.size(reading.rss_bytes) if reading and reading.rss_bytes else ""),
        ("Messages stored", f"{sum(device.stored.model_dump().values()):,}"),
        ("Waiting on the device", f"{reading.outbox_waiting:,}" if reading else ""),
        *((f"Tag {key}", value) for key, value in device.tags.items()),
    ]
    with element("section", "ef-card ef-stack").style("margin-bottom: 16px"):
        with element("dl", "ef-facts"):
            for name, value in said:
                with element("div"):
                    text(name, tag="dt")
                    text(value or words.MISSING, tag="dd", testid=name.lower().replace(" ", "-"))
        if reading:
            _ledger(reading)


def _ledger(reading: Reading) -> None:
    """Every frame accounted for: captured = inferred + gated + dropped + damaged."""
    ledger = reading.ledger
    dropped = ", ".join(f"{count:,} {cause}" for cause, count in sorted(ledger.dropped.items()))
    gated = f" + {ledger.gated:,} gated" if ledger.gated else ""
    sentence = (
        f"{ledger.captured:,} frames captured = {ledger.inferred:,} inferred{gated}"
        f" + {sum(ledger.dropped.values()):,} dropped"
        f"{f' ({dropped})' if dropped else ''} + {ledger.damaged:,} damaged"
    )
    with element("div"):
        text(sentence, "ef-dim ef-num", testid="ledger").style("white-space: normal")
        with element("div", "ef-progress"):
            for tone, count in (
                ("good", ledger.inferred),
                ("dim", ledger.gated + sum(ledger.dropped.values())),
                ("bad", ledger.damaged),
            ):
                element("i", tone).style(f"flex-grow: {count}")


def _updates(device: DeviceDetail) -> None:
    with element("section", "ef-card"):
        text("Wanted and reported", tag="h2")
        wanted = device.desired
        if wanted is None:
            text("No rollout has told this device anything yet.", "ef-dim")
        else:
            with element("div", "ef-head"):
                text(f"rollout {wanted.rollout} wants {wanted.release}", tag="span")
                chip(wanted.state, words.tone(wanted.state), testid="wanted-state")
                text(f"serving {device.model or 'nothing known'}", "ef-dim", tag="span")
            if wanted.cause:
                text(f"{wanted.cause}: {wanted.detail}", "ef-notice", testid="wanted-cause")
        steps = [(words.clock(u.at), State(u.state), u.cause or "", u.detail, u.running) for u in device.history]
        if steps:
            listing(("When (UTC)", "State", "Cause", "Detail", "Serving"), steps, testid="history")


def _gaps(device: DeviceDetail) -> None:
    if device.gaps:
        with element("section", "ef-card"):
            text(f"{device.lost:,} messages were given up by the device before they could be stored", tag="h2")
            rows = [(words.clock(g.noticed_at), g.boot, f"{g.first} to {g.last}") for g in device.gaps]
            listing(("Noticed (UTC)", "Boot", "Numbers"), rows, testid="gaps")
