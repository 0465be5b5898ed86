"""One device: what it is and does now, its readings over time, and all that happened to it."""

from __future__ import annotations

import json
import time
from asyncio import to_thread
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from nicegui import ui
from sqlalchemy.engine import Connection

from contract.messages import Verb
from fleet.answers import DeviceDetail, Reading
from fleet.page import acts, words
from fleet.page.charts import Chart, charts_of
from fleet.page.points import Point, points
from fleet.page.shell import (
    REFRESH_S,
    attempt,
    button,
    chip,
    element,
    keep_fresh,
    may_act,
    outside,
    say,
    shell,
    text,
    visit,
)
from fleet.page.sightings import Sighting, sightings
from fleet.page.tables import Cell, Colour, Press, State, listing
from fleet.page.timeline import Happening, timeline
from fleet.parts import Parts
from fleet.readings import device_detail
from fleet.refusals import NotFoundError

PRESENCE_TONES = {"online": "good", "quiet": "warn", "offline": "dim"}
_RANGES = {15: "15 min", 60: "1 h", 1440: "24 h", 10080: "7 d"}


class _Now(NamedTuple):
    """What the words of the page are drawn from."""

    device: DeviceDetail
    happened: tuple[Happening, ...]
    seen: tuple[Sighting, ...]
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
                text('<a href="/">All devices</a>', "ef-empty", raw=True)
                return
            _live(parts, device)


def _live(parts: Parts, device: str) -> None:
    """Parts that change at different times: the heading every second, the facts and the charts with readings."""
    heading = _heading(parts, device)
    facts = element("div")
    _charts(parts, device)
    below = element("div", "ef-stack")
    shown: list[tuple[object, ...]] = []

    def show(now: _Now) -> None:
        heading(now)
        if not shown or shown[0][0] != now.device:
            facts.clear()
            with facts:
                _facts(now.device)
        # The newest reading changes every few seconds, and the log and the tables do not.
        rest = (now.device.desired, now.device.history, now.happened, now.seen)
        if not shown or shown[0][1] != rest:
            below.clear()
            with below:
                _below(parts, now)
        shown[:] = [(now.device, rest)]

    keep_fresh(parts, lambda connection: _read(connection, device), show)


def _read(connection: Connection, device: str) -> _Now:
    detail = device_detail(connection, device)
    return _Now(detail, timeline(connection, device), sightings(connection, device), int(time.time()))


def _heading(parts: Parts, device: str) -> Callable[[_Now], None]:
    """The device's name, whether it is there, and what may be asked of it."""
    with element("div", "ef-head"):
        text(device, tag="h1", testid="device")
        presence = chip("", testid="presence")
        seen = text("", "ef-dim", testid="seen")
        if may_act():
            with element("div", "ef-buttons"):
                ask = partial(_ask, parts, device)
                button("Ping", lambda: ask("ping"), testid="ping", hint="Ask whether it answers")
                hint = "Ask it to say anew what it is and holds"
                button("Ask for its birth", lambda: ask("rebirth"), testid="rebirth", hint=hint)

    def show(now: _Now) -> None:
        state = words.presence(now.device, now.second)
        say(presence, state)
        presence.classes(replace=f"ef-chip ef-{PRESENCE_TONES[state]}")
        say(seen, f"last heard {words.ago(now.device.last_seen, now.second)}")

    return show


async def _ask(parts: Parts, device: str, verb: Verb) -> None:
    took_ms = await attempt(acts.send, parts, device, verb, visit())
    if took_ms is not None:
        ui.notify(f"{device} answered the {verb} within {took_ms:,.0f} ms", type="positive")


def _charts(parts: Parts, device: str) -> None:
    """Drawn whole when a range is chosen or a new class appears; otherwise new points alone are sent."""
    with element("div", "ef-head").style("margin: 16px 0 0"):
        text("Over time (UTC)", tag="h2")
        minutes = ui.toggle(_RANGES, value=15).props("dense no-caps flat aria-label='Time shown'").classes("ef-range")
        minutes.classes("ef-push")
    place = element("section", "ef-charts").props('aria-label="Charts"')
    drawn: dict[str, tuple[Chart, ui.echart | None]] = {}
    state: list[Point] = []

    def redraw(shown: list[Point]) -> None:
        place.clear()
        drawn.clear()
        with place:
            for chart in charts_of(shown):
                drawn[chart.name] = (chart, _card(chart, shown))
        state[:] = shown[-1:]

    def extend(fresh: list[Point], span_s: float) -> None:
        rows = {part.id: chart.rows(fresh, before=state[0]) for chart, part in drawn.values() if part is not None}
        ui.run_javascript(f"efAppend({json.dumps(rows)}, {round((fresh[-1].at_s - span_s) * 1000)})")
        state[:] = fresh[-1:]

    async def look(*, whole: bool = False) -> None:
        chosen, whole = float(minutes.value), whole or not state
        after_s = 0.0 if whole else state[0].at_s
        shown = await to_thread(_points, parts, device, chosen, after_s)
        if whole or _outgrown(drawn, shown):
            redraw(shown if whole else await to_thread(_points, parts, device, chosen, 0.0))
        elif shown and chosen <= 60:
            extend(shown, 60 * chosen)

    minutes.on_value_change(lambda: look(whole=True))
    ui.timer(REFRESH_S, look)


def _outgrown(drawn: Mapping[str, tuple[Chart, ui.echart | None]], fresh: Sequence[Point]) -> bool:
    """Whether `fresh` has a line, or a first value, that what is drawn has no place for."""
    for new in charts_of(fresh):
        chart, part = drawn[new.name]
        if set(new.lines) - set(chart.lines) or (part is None and new.measured(fresh)):
            return True
    return False


def _points(parts: Parts, device: str, minutes: float, after_s: float) -> list[Point]:
    with parts.store.reading() as connection:
        return points(connection, device, minutes=minutes, now_s=time.time(), after_s=after_s)


def _card(chart: Chart, shown: list[Point]) -> ui.echart | None:
    """None, and why, where nothing was measured."""
    with element("div", "ef-card wide" if chart.name == "classes" else "ef-card"):
        text(chart.title, tag="h2")
        if not chart.measured(shown):
            nothing = _NOTHING.get(chart.name, "Nothing was measured in this time.")
            text(nothing, "ef-empty", testid=f"none-{chart.name}")
            return None
        drawn = ui.echart(chart.options(shown)).classes("ef-chart")
        drawn.props(f'data-testid=chart-{chart.name} role=img aria-label="{chart.title}"')
        return drawn


_NOTHING = {
    "drops": "No frame was dropped in this time.",
    "drift": "No window of pictures was judged in this time: its bundle has no reference, or none has closed yet.",
    "temperature": "The device does not say its temperature.",
}


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
    with element("section", "ef-card ef-stack").props('aria-label="Facts"'):
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


def _below(parts: Parts, now: _Now) -> None:
    with element("div", "ef-two"):
        _desired(now.device)
        _models(now.device)
    with element("div", "ef-two"):
        _log(now.happened)
        _sightings(parts, now.device.id, now.seen)


def _desired(device: DeviceDetail) -> None:
    with element("section", "ef-card"):
        text("Desired and reported", tag="h2")
        wanted = device.desired
        if wanted is None:
            text("No rollout has told this device anything yet.", "ef-dim", testid="wanted-none")
            return
        agrees = device.digest == wanted.digest
        rows: list[tuple[Cell, ...]] = [
            ("Desired", f"{wanted.release}, by rollout {wanted.rollout}", State(wanted.state)),
            ("Reported", f"serving {device.model or 'nothing known'}", Colour(*_agreement(agrees))),
        ]
        listing(("", "", ""), rows, testid="wanted")
        if wanted.cause:
            text(f"{wanted.cause}: {wanted.detail}", "ef-notice", testid="wanted-cause")
        text(f'<a href="/rollouts/{wanted.rollout}">Rollout {wanted.rollout}</a>', raw=True).style("margin-top: 8px")


def _agreement(agrees: bool) -> tuple[str, str]:
    return ("the desired bundle", "good") if agrees else ("another bundle", "warn")


def _models(device: DeviceDetail) -> None:
    """Which model served from when on, as far as steps of updates say it."""
    changes: list[tuple[str, str, State, str]] = []
    for step in reversed(device.history):
        if not changes or changes[-1][1] != step.running:
            why = step.cause or ("" if step.state in ("committed", "rolled-back") else "first step known")
            changes.append((words.clock(step.at), step.running, State(step.state), why))
    with element("section", "ef-card"):
        text("Models served", tag="h2")
        if changes:
            listing(("Since (UTC)", "Model", "At the step", "Cause"), changes[::-1], testid="models")
        else:
            text(f"{device.model or 'Nothing known'}, and no update has been reported since.", "ef-dim")


def _log(happened: tuple[Happening, ...]) -> None:
    with element("section", "ef-card"):
        text("What happened", tag="h2")
        with element("div", "ef-tall").props('tabindex="0" role="region" aria-label="What happened"'):
            rows = [(words.clock_s(h.at_s), Colour(h.kind, h.tone), h.words) for h in happened]
            listing(("When (UTC)", "", ""), rows, testid="history")


def _sightings(parts: Parts, device: str, seen: tuple[Sighting, ...]) -> None:
    with element("section", "ef-card"):
        text("Kept results", tag="h2")
        if not seen:
            text("None yet: a device sends the results its [keep] rules choose.", "ef-dim", testid="no-sightings")
            return
        text("Pictures stay on the device until somebody asks for one.", "ef-dim").style("margin-bottom: 6px")
        with element("div", "ef-tall").props('tabindex="0" role="region" aria-label="Kept results"'):
            rows = [(words.clock_s(s.at_s), s.source, s.words, _snapshot(parts, device, s.snapshot)) for s in seen]
            listing(("When (UTC)", "Source", "Seen", "Picture"), rows, testid="sightings")


def _snapshot(parts: Parts, device: str, name: str) -> Cell:
    """For operators a button: what a camera saw is nobody else's business."""
    return Press("Show", partial(_show, parts, device, name), name) if name and may_act() else name


async def _show(parts: Parts, device: str, name: str) -> None:
    """Fetch one picture from the device, now, and show it; where it refuses, its own sentence."""
    content = await attempt(acts.picture, parts, device, name, visit())
    if content is None:
        return
    with outside(), ui.dialog() as dialog, ui.card().classes("ef-dialog ef-picture"):
        source = f"data:image/jpeg;base64,{b64encode(content).decode()}"
        element("img", testid="picture").props(f'src="{source}" alt="What {device} kept as {name}"')
        text(name, "ef-dim")
        with element("div", "ef-buttons"):
            button("Close", lambda: dialog.submit(None), testid="close")
    await dialog
    dialog.delete()
