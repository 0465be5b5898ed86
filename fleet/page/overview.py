"""The first page: the fleet in figures, on a map, and as a list."""

from __future__ import annotations

from asyncio import to_thread
from typing import NamedTuple

from fastapi import Request
from nicegui import ui
from sqlalchemy.engine import Connection

from fleet.alerts import open_alerts
from fleet.alerts.answers import Alert
from fleet.answers import RolloutSummary, Stats
from fleet.page import words
from fleet.page.devices import DeviceList
from fleet.page.map import PlaceMap
from fleet.page.places import Spot, spots
from fleet.page.roster import Roster, Sight
from fleet.page.shell import REFRESH_S, element, keep_fresh, say, shell, text
from fleet.parts import Parts
from fleet.readings import statistics
from fleet.rollouts import list_rollouts


class _Around(NamedTuple):
    """What the figures say beside the devices."""

    stats: Stats
    rollouts: tuple[RolloutSummary, ...]
    alerts: tuple[Alert, ...]


def add_overview(parts: Parts, roster: Roster) -> None:
    """Serve it at `/`; filters of the list may stand in its address, like `/?status=offline&site=dock`."""

    @ui.page("/")
    async def page(request: Request) -> None:
        sight = await to_thread(roster.look)
        places = await to_thread(spots, sight.entries, sight.at_s)
        with shell(parts, "/", "Overview"):
            text("Overview", "ef-hidden", tag="h1")
            figures = _figures()
            _fill_devices(figures, sight)
            chart = _place_map(parts, places)
            devices = DeviceList(roster, sight, request.query_params)
            if chart is not None:
                chart.on_choose = devices.narrow
            _keep_up(roster, figures, chart, devices)
            keep_fresh(parts, _read, lambda around: _fill_around(figures, around))


def _keep_up(roster: Roster, figures: _Figures, chart: PlaceMap | None, devices: DeviceList) -> None:
    async def look() -> None:
        sight = await to_thread(roster.look)
        _fill_devices(figures, sight)
        devices.refresh(sight)
        if chart is not None:
            chart.refresh(await to_thread(spots, sight.entries, sight.at_s))

    ui.timer(REFRESH_S, look, immediate=False)


def _place_map(parts: Parts, places: list[Spot]) -> PlaceMap | None:
    """None, and a word about how to have one, where no device says its place."""
    if places:
        return PlaceMap(places, parts.map_tiles)
    text("No map yet: devices say where they stand by the tags lat and lon in device.toml.", "ef-hint", testid="no-map")
    return None


def _read(connection: Connection) -> _Around:
    return _Around(statistics(connection), list_rollouts(connection)[:1], open_alerts(connection))


_Figures = dict[str, tuple[ui.html, ui.html]]
"""Each card's figure and the line below it."""


def _figures() -> _Figures:
    made: _Figures = {}
    with element("section", "ef-cards").props('aria-label="The fleet in figures"'):
        for name, label, path in (
            ("devices", "Devices online", "/?status=offline"),
            ("rate", "Frames per second", ""),
            ("alerts", "Open alerts", "/alerts"),
            ("stored", "Messages stored", "/quarantine"),
            ("rollout", "Latest rollout", "/rollouts"),
        ):
            with element("a" if path else "div", "ef-card ef-figures").props(f'href="{path}"' if path else ""):
                text(label, "ef-dim", tag="span")
                figure = text(words.MISSING, "ef-figure", tag="span", testid=f"card-{name}")
                made[name] = (figure, text("", "ef-dim", tag="span", testid=f"card-{name}-note"))
    return made


def _fill_devices(figures: _Figures, sight: Sight) -> None:
    states, total = sight.presences, len(sight.entries)
    away = ", ".join(f"{states[state]:,} {state}" for state in ("quiet", "offline") if states[state])
    connected = states["online"] + states["quiet"]
    _fill(
        figures, "devices", f"{connected:,} / {total:,}", away or ("none is missing" if total else "none has reported")
    )
    _fill(figures, "rate", words.number(sight.rate), "inferred, all devices online")


def _fill_around(figures: _Figures, around: _Around) -> None:
    stats = around.stats
    lost = "none lost" if not stats.lost else f"{stats.lost:,} lost by devices"
    refused = f", {stats.quarantined:,} unreadable" if stats.quarantined else ""
    _fill(figures, "stored", f"{stats.stored:,}", lost + refused)
    _fill(figures, "rollout", *_rollout_words(around.rollouts))
    _fill(figures, "alerts", *_alert_words(around.alerts))


def _fill(figures: _Figures, name: str, figure: str, note: str) -> None:
    say(figures[name][0], figure)
    say(figures[name][1], note)


def _alert_words(alerts: tuple[Alert, ...]) -> tuple[str, str]:
    silenced = sum(alert.silenced_until is not None for alert in alerts)
    worst = f"worst: {alerts[0].kind}" if alerts else "all is well"
    return f"{len(alerts):,}", worst + (f", {silenced} silenced" if silenced else "")


def _rollout_words(rollouts: tuple[RolloutSummary, ...]) -> tuple[str, str]:
    if not rollouts:
        return words.MISSING, "none yet"
    newest = rollouts[0]
    taking_part = sum(count for state, count in newest.counts.items() if state != "blocked")
    note = f"{newest.release}, {newest.counts.get('committed', 0):,} of {taking_part:,} committed"
    return newest.state, f"{note}: {newest.cause}" if newest.cause else note
