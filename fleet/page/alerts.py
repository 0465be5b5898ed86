"""What is wrong now, what was, and silence for what is known."""

from __future__ import annotations

from typing import NamedTuple

from nicegui import ui
from sqlalchemy.engine import Connection

from fleet.alerts import open_alerts
from fleet.alerts.answers import Alert
from fleet.alerts.listing import list_alerts
from fleet.page import acts, words
from fleet.page.shell import attempt, button, chip, element, keep_fresh, may_act, outside, shell, text, visit
from fleet.page.tables import Cell, Colour, DeviceLink, listing
from fleet.parts import Parts

_TONES = {"critical": "bad", "warning": "warn", "info": "busy"}
_MINUTES = {60: "1 hour", 480: "8 hours", 1440: "1 day", 10080: "7 days"}


class _Now(NamedTuple):
    still: tuple[Alert, ...]
    ended: tuple[Alert, ...]


def add_alerts_page(parts: Parts) -> None:
    """Serve it at `/alerts`."""

    @ui.page("/alerts")
    def page() -> None:
        with shell(parts, "/alerts", "Alerts"):
            text("Alerts", tag="h1")
            place = element("div", "ef-stack").style("margin-top: 14px")

            def redraw(now: _Now) -> None:
                place.clear()
                with place:
                    _open(parts, now.still)
                    _history(now.ended)

            keep_fresh(parts, _read, redraw)


def _read(connection: Connection) -> _Now:
    return _Now(open_alerts(connection), list_alerts(connection, is_open=False))


def _open(parts: Parts, alerts: tuple[Alert, ...]) -> None:
    with element("section", "ef-stack").props('aria-label="Open alerts"'):
        if not alerts:
            text(
                "Nothing is wrong. Rules and channels: edgeferry fleet alerts --help",
                "ef-empty ef-card",
                testid="all-well",
            )
        for alert in alerts:
            _card(parts, alert)


def _card(parts: Parts, alert: Alert) -> None:
    with element("article", "ef-card", testid=f"alert-{alert.id}"):
        with element("div", "ef-head").style("margin-bottom: 4px"):
            chip(alert.severity, _TONES.get(alert.severity, "dim"))
            text(alert.kind, tag="h2")
            if alert.device:
                text(f'<a href="/devices/{alert.device}">{alert.device}</a>', tag="span", raw=True)
            if alert.rollout:
                text(f'<a href="/rollouts/{alert.rollout}">rollout {alert.rollout}</a>', tag="span", raw=True)
            text(f"since {words.clock(alert.since)} UTC", "ef-dim", tag="span")
            if alert.silenced_until:
                chip(f"silent until {words.clock(alert.silenced_until)} UTC", "busy", testid="silenced")
            elif may_act():
                with element("div", "ef-buttons"):
                    button("Silence…", lambda: _silence(parts, alert), testid="silence")
        text(alert.words)


async def _silence(parts: Parts, alert: Alert) -> None:
    with outside(), ui.dialog() as dialog, ui.card().classes("ef-dialog"):
        text(f"Silence {alert.kind}{f' of {alert.device}' if alert.device else ''}?", tag="h2")
        text("It stays open and shown here; nobody is told of it until then.", "ef-dim")
        minutes = (
            ui.select(_MINUTES, value=60, label="For").props("dense outlined").classes("w-full").style("margin: 12px 0")
        )
        why = ui.input("Why, for whoever comes next").props("dense outlined data-testid=why").classes("w-full")
        with element("div", "ef-buttons"):
            button("Cancel", lambda: dialog.submit(False))
            button("Silence", lambda: dialog.submit(True), kind="main", testid="agree")
    if await dialog:
        await attempt(acts.silence, parts, alert.id, float(minutes.value), why.value or "", visit())
    dialog.delete()


def _history(alerts: tuple[Alert, ...]) -> None:
    with element("section", "ef-card"):
        text("Ended", tag="h2")
        if not alerts:
            text("None yet.", "ef-dim")
            return
        rows = [
            (words.clock(a.ended or ""), words.clock(a.since), Colour(a.kind, "dim"), _about(a), a.words)
            for a in alerts[:100]
        ]
        listing(("Ended (UTC)", "Since (UTC)", "Kind", "About", ""), rows, testid="ended")


def _about(alert: Alert) -> Cell:
    return DeviceLink(alert.device) if alert.device else (f"rollout {alert.rollout}" if alert.rollout else "the fleet")
