"""The first page: the fleet in four figures and one table."""

from __future__ import annotations

import html
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from nicegui import ui
from sqlalchemy.engine import Connection

from contract.moments import unix_s
from fleet import page_words as words
from fleet.answers import Device, RolloutSummary, Stats
from fleet.page_shell import element, keep_fresh, markup, say, shell, text
from fleet.parts import Parts
from fleet.readings import overview, statistics
from fleet.rollouts import list_rollouts

_COLUMNS = (
    ("id", "Device", "left"),
    ("site", "Site", "left"),
    ("profile", "Profile", "left"),
    ("model", "Model", "left"),
    ("rate", "Frames/s", "right"),
    ("p95", "Latency p95", "right"),
    ("dropped", "Dropped", "right"),
    ("temperature", "Temp.", "right"),
    ("classes", "Seen", "left"),
    ("seen", "Last seen", "right"),
)
_ONE_PAGE = 50
_TEMPLATES = Path(__file__).parent
_HEAD = (_TEMPLATES / "page_devices_head.vue.html").read_text(encoding="utf-8")
_ROW = (_TEMPLATES / "page_devices_row.vue.html").read_text(encoding="utf-8")


class _Fleet(NamedTuple):
    """What the page is drawn from."""

    devices: tuple[Device, ...]
    stats: Stats
    rollouts: tuple[RolloutSummary, ...]
    second: int
    """So that `4 s ago` becomes `5 s ago`."""


def add_overview(parts: Parts) -> None:
    """Serve it at `/`."""

    @ui.page("/")
    def page() -> None:
        with shell(parts, "/", "Overview"):
            cards, (table, key) = _cards(), _table()

            def show(fleet: _Fleet) -> None:
                palette = words.colours(_labels(fleet.devices))
                _fill_cards(cards, fleet)
                markup(key, _swatches(palette))
                table.rows = [_row(device, palette, float(fleet.second)) for device in fleet.devices]
                table.props["hide-pagination"] = len(table.rows) <= _ONE_PAGE

            keep_fresh(parts, _read, show)


def _read(connection: Connection) -> _Fleet:
    return _Fleet(overview(connection), statistics(connection), list_rollouts(connection)[:1], int(time.time()))


def _cards() -> dict[str, tuple[ui.html, ui.html]]:
    """Each card's figure and the line below it."""
    made: dict[str, tuple[ui.html, ui.html]] = {}
    with element("section", "ef-cards").props('aria-label="The fleet in figures"'):
        for name, label in (
            ("devices", "Devices online"),
            ("rate", "Frames per second"),
            ("stored", "Messages stored"),
            ("rollout", "Latest rollout"),
        ):
            with element("div", "ef-card"):
                text(label, "ef-dim")
                figure = text(words.MISSING, "ef-figure", testid=f"card-{name}")
                made[name] = (figure, text("", "ef-dim", testid=f"card-{name}-note"))
    return made


def _fill_cards(cards: dict[str, tuple[ui.html, ui.html]], fleet: _Fleet) -> None:
    stats, online = fleet.stats, [d for d in fleet.devices if d.online]
    states = Counter(words.presence(device, fleet.second) for device in fleet.devices)
    away = ", ".join(f"{states[state]} {state}" for state in ("quiet", "offline") if states[state])
    rate = sum(device.telemetry.frames_per_s for device in online if device.telemetry)
    lost = "none lost" if not stats.lost else f"{stats.lost:,} lost by devices"
    refused = f", {stats.quarantined:,} unreadable" if stats.quarantined else ""
    said = {
        "devices": (f"{len(online)} / {stats.devices}", away or "none is missing"),
        "rate": (words.number(rate), "inferred, over all devices online"),
        "stored": (f"{stats.stored:,}", lost + refused),
        "rollout": _rollout_words(fleet.rollouts),
    }
    for name, (figure, note) in said.items():
        say(cards[name][0], figure)
        say(cards[name][1], note)


def _rollout_words(rollouts: tuple[RolloutSummary, ...]) -> tuple[str, str]:
    if not rollouts:
        return words.MISSING, "none yet"
    newest = rollouts[0]
    taking_part = sum(count for state, count in newest.counts.items() if state != "blocked")
    note = f"{newest.release}, {newest.counts.get('committed', 0)} of {taking_part} committed"
    return newest.state, f"{note}: {newest.cause}" if newest.cause else note


def _table() -> tuple[ui.table, ui.html]:
    """Searchable and sortable, also by keyboard; a card a device on a phone. With it, the key to the colours."""
    with element("section", "ef-card"):
        with element("div", "ef-head"):
            text("Devices", tag="h2")
            key = text("", "ef-key")
            search = ui.input(placeholder="Search").props(
                "dense outlined clearable data-testid=search aria-label=Search"
            )
            search.classes("ef-push")
        columns = [
            {"name": n, "label": lab, "field": n, "align": align, "sortable": True} for n, lab, align in _COLUMNS
        ]
        paging = {"rowsPerPage": _ONE_PAGE, "sortBy": "id", "descending": False}
        table = ui.table(columns=columns, rows=[], row_key="id", pagination=paging).classes("ef-devices w-full")
        table.props('flat no-data-label="No device has reported yet." data-testid=devices')
        table.add_slot("header", _HEAD)
        table.add_slot("body", _ROW)
        search.bind_value_to(table, "filter", forward=lambda typed: typed or "")
    return table, key


def _labels(devices: tuple[Device, ...]) -> set[str]:
    """Every class that is being seen."""
    return {label for d in devices if d.online and d.telemetry for label, seen in d.telemetry.classes.items() if seen}


def _swatches(palette: dict[str, str]) -> str:
    """The colours of the stripes, as far as each class has one of its own."""
    own = list(palette.items())[: len(words.PALETTE) - 1]
    rest = f"<span>and {len(palette) - len(own)} more</span>" if len(palette) > len(own) else ""
    return "".join(f'<span><i style="background:{c}"></i>{html.escape(label)}</span>' for label, c in own) + rest


def _row(device: Device, palette: dict[str, str], now_s: float) -> dict[str, Any]:
    reading = device.telemetry if device.online else None
    classes = {label: seen for label, seen in reading.classes.items() if seen} if reading else {}
    total = reading.latency_ms.get("total") if reading else None
    p95 = total.p95 if total else None
    rate, dropped = (reading.frames_per_s, reading.ledger.drop_share) if reading else (None, None)
    temperature = reading.temperature_c if reading else None
    return {
        "id": device.id,
        "presence": words.presence(device, now_s),
        "site": device.site,
        "profile": device.profile,
        "model": device.model,
        "rate": rate,
        "rate_text": words.number(rate),
        "p95": p95,
        "p95_text": words.number(p95, "ms"),
        "dropped": dropped,
        "dropped_text": words.share(dropped),
        "temperature": temperature,
        "temperature_text": words.number(temperature, "°C"),
        "classes": words.legend(classes),
        "bar": words.bar(classes, palette),
        "seen": unix_s(device.last_seen) if device.last_seen else 0,
        "seen_text": words.ago(device.last_seen, now_s),
    }
