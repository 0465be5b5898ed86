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
from fleet.page_shell import chip, element, keep_fresh, shell, text
from fleet.page_tables import listing
from fleet.parts import Parts
from fleet.readings import device_detail, telemetry
from fleet.refusals import NotFoundError

_CHARTS: tuple[tuple[str, str, Callable[[Sequence[Reading]], dict[str, Any]]], ...] = (
    ("latency", "Latency of a frame", charts.latency),
    ("rate", "Frames per second", charts.rate),
    ("classes", "Seen, by class", charts.classes),
    ("confidence", "Mean confidence", charts.confidence),
)
_RANGES = {5: "5 min", 15: "15 min", 60: "1 h", 360: "6 h", 1440: "24 h"}


class _Seen(NamedTuple):
    """What the page is drawn from."""

    device: DeviceDetail
    readings: tuple[Reading, ...]


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
    minutes = ui.toggle(_RANGES, value=15).props("dense no-caps flat aria-label='Time shown'").classes("ef-range")
    head = element("div")
    minutes.move(target_index=1)
    with element("section", "ef-charts"):
        drawn = {name: _chart(name, title) for name, title, _ in _CHARTS}
    below = element("div", "ef-stack")
    below.style("margin-top: 16px")

    def read(connection: Connection) -> _Seen:
        asked = float(minutes.value)
        found = telemetry(connection, device, minutes=asked, now_s=time.time())
        return _Seen(device_detail(connection, device), found.readings)

    def show(seen: _Seen) -> None:
        head.clear()
        with head:
            _facts(seen.device)
        for name, _, options in _CHARTS:
            drawn[name].options.clear()
            drawn[name].options.update(options(seen.readings))
            drawn[name].update()
        below.clear()
        with below:
            _updates(seen.device)
            _gaps(seen.device)

    keep_fresh(parts, read, show)


def _chart(name: str, title: str) -> ui.echart:
    with element("div", "ef-card"):
        text(title, tag="h2")
        return ui.echart({}).classes("ef-chart").props(f"data-testid=chart-{name}")


def _facts(device: DeviceDetail) -> None:
    reading, now_s = device.telemetry, time.time()
    with element("div", "ef-head"):
        text(device.id, tag="h1", testid="device")
        state = words.presence(device, now_s)
        chip(state, {"online": "good", "quiet": "warn", "offline": "dim"}[state], testid="presence")
        text(f"last seen {words.ago(device.last_seen, now_s)}", "ef-dim", testid="seen")
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
    """Every frame accounted for: captured = inferred + dropped + damaged."""
    ledger = reading.ledger
    dropped = ", ".join(f"{count:,} {cause}" for cause, count in sorted(ledger.dropped.items()))
    sentence = (
        f"{ledger.captured:,} frames captured = {ledger.inferred:,} inferred + {sum(ledger.dropped.values()):,} dropped"
        f"{f' ({dropped})' if dropped else ''} + {ledger.damaged:,} damaged"
    )
    with element("div"):
        text(sentence, "ef-dim ef-num", testid="ledger").style("white-space: normal")
        with element("div", "ef-progress"):
            for tone, count in (
                ("good", ledger.inferred),
                ("dim", sum(ledger.dropped.values())),
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
        steps = [
            (words.clock(u.at), (u.state, words.tone(u.state)), u.cause or "", u.detail, u.running)
            for u in device.history
        ]
        if steps:
            listing(("When (UTC)", "State", "Cause", "Detail", "Serving"), steps, testid="history")


def _gaps(device: DeviceDetail) -> None:
    if device.gaps:
        with element("section", "ef-card"):
            text(f"{device.lost:,} messages were given up by the device before they could be stored", tag="h2")
            rows = [(words.clock(g.noticed_at), g.boot, f"{g.first} to {g.last}") for g in device.gaps]
            listing(("Noticed (UTC)", "Boot", "Numbers"), rows, testid="gaps")
