"""One rollout: its waves, its devices, why it stands where it stands, and what a person may do about it."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Callable
from typing import NamedTuple

from nicegui import ui
from sqlalchemy.engine import Connection

from contract.moments import unix_s
from fleet import judging
from fleet.answers import Rollout
from fleet.page import acts, words
from fleet.page.acts import RolloutAct
from fleet.page.progress import Stand, Wave, stands_of, waves_of
from fleet.page.rollouts import counted, progress
from fleet.page.shell import agreed, attempt, button, chip, element, keep_fresh, may_act, say, shell, text, visit
from fleet.page.tables import Cell, DeviceLink, State, listing
from fleet.parts import Parts
from fleet.refusals import NotFoundError
from fleet.rollouts import show as show_rollout
from fleet.target_states import FAILED

_JUDGE_S = 5.0
SHOWN = 50
"""Devices drawn at first: those that failed or are under way come first."""
_OPEN = ("unapproved", "scheduled", "running", "paused")


class _Ask(NamedTuple):
    """An act, when it is offered, and what is asked before it."""

    act: RolloutAct
    label: str
    states: tuple[str, ...]
    title: str
    words: str
    kind: str


_ASKS = (
    _Ask("approve", "Approve", ("unapproved",), "Approve rollout {}?",
         "Its first wave is told as soon as its time window allows.", "main"),
    _Ask("pause", "Pause", ("running", "scheduled"), "Pause rollout {}?",
         "No further wave begins. Devices under way finish by themselves.", ""),
    _Ask("resume", "Resume", ("paused",), "Resume rollout {}?", "It goes on where it was.", "main"),
    _Ask("abort", "Abort", _OPEN, "Abort rollout {}?",
         "No further device is told. Devices that have committed keep the new model.", "grave"),
    _Ask("roll_back", "Roll back", ("running", "paused", "halted", "done"), "Roll rollout {} back?",
         "A new rollout takes every device that took the new model back to what it ran before.", "grave"),
)  # fmt: skip


class _Now(NamedTuple):
    """What the page is drawn from."""

    rollout: Rollout
    waves: tuple[Wave, ...]
    stands: tuple[Stand, ...]


def add_rollout_page(parts: Parts) -> None:
    """Serve it at `/rollouts/ID`."""

    @ui.page("/rollouts/{rollout:int}")
    def page(rollout: int) -> None:
        with shell(parts, "/rollouts", f"Rollout {rollout}"):
            try:
                with parts.store.reading() as connection:
                    show_rollout(connection, rollout)
            except NotFoundError:
                text(f"There is no rollout {rollout}.", "ef-empty")
                text('<a href="/rollouts">All rollouts</a>', "ef-empty", raw=True)
                return
            _live(parts, rollout)


def _live(parts: Parts, rollout: int) -> None:
    place = element("div", "ef-stack", testid=f"rollout-{rollout}")
    more = [SHOWN]
    latest: list[_Now] = []
    offered: list[tuple[str, ...]] = []
    with place:
        head = element("div", "ef-head")
        body = element("div", "ef-stack")
        judged = element("div")
        devices = element("div")
    with head:
        text(f"Rollout {rollout}", tag="h1", testid="title")
        about, state = text("", "ef-dim", tag="span"), chip("", testid="state")
        buttons = element("div", "ef-buttons")

    def show(now: _Now) -> None:
        latest[:] = [now]
        say(about, f"of {now.rollout.release}")
        say(state, now.rollout.state)
        state.classes(replace=f"ef-chip ef-{words.tone(now.rollout.state)}")
        # The buttons stay as they are while they are the same, or the focus of a keyboard would be lost.
        labels = tuple(ask.label for ask in _offered(now.rollout))
        if offered != [labels]:
            offered[:] = [labels]
            _buttons(parts, buttons, now.rollout)
        body.clear()
        with body:
            _body(now)
        devices.clear()
        with devices:
            _devices(now, more)

    keep_fresh(parts, lambda connection: _read(connection, rollout, more[0]), show)
    _judge_on(parts, judged, latest)


def _judge_on(parts: Parts, place: ui.element, latest: list[_Now]) -> None:
    """Draw the comparison again every few seconds while the rollout runs."""
    shown: list[judging.Verdict | None] = [None]

    async def look() -> None:
        if not latest or latest[0].rollout.state != "running":
            return
        found = await to_thread(_verdict, parts, latest[0].rollout.id)
        if found is not None and found != shown[0]:
            shown[0] = found
            place.clear()
            with place:
                _judged(found)

    ui.timer(_JUDGE_S, look)


def _verdict(parts: Parts, rollout: int) -> judging.Verdict | None:
    with parts.store.reading() as connection:
        return judging.newest(connection, rollout)


def _read(connection: Connection, rollout: int, most: int) -> _Now:
    found, waves = show_rollout(connection, rollout), waves_of(connection, rollout)
    return _Now(found, waves, stands_of(connection, rollout, most=most))


def _offered(rollout: Rollout) -> list[_Ask]:
    if not may_act():
        return []
    touched = any(target.counter is not None for target in rollout.devices) or "committed" in rollout.counts
    return [ask for ask in _ASKS if rollout.state in ask.states and (ask.act != "roll_back" or touched)]


def _buttons(parts: Parts, place: ui.element, rollout: Rollout) -> None:
    place.clear()
    with place:
        for ask in _offered(rollout):
            button(ask.label, _asking(parts, ask, rollout.id), kind=ask.kind, testid=ask.act.replace("_", "-"))


def _asking(parts: Parts, ask: _Ask, rollout: int) -> Callable[[], object]:
    async def confirm() -> None:
        if not await agreed(ask.title.format(rollout), ask.words, ask.label, grave=ask.kind == "grave"):
            return
        made = await attempt(acts.perform, parts, ask.act, rollout, visit())
        if made is not None and made.id != rollout:
            ui.navigate.to(f"/rollouts/{made.id}")

    return confirm


def _body(now: _Now) -> None:
    rollout = now.rollout
    if rollout.cause:
        text(f"{_because(rollout)}: {rollout.cause}. {rollout.detail}", "ef-notice", testid="cause")
    with element("section", "ef-card"):
        text("Waves", tag="h2")
        _waves(now.waves)
        text(counted(rollout.counts), "ef-dim ef-num", testid="counts").style("white-space: normal")
    with element("div", "ef-two"):
        _order(rollout)
        _steps(now)


def _because(rollout: Rollout) -> str:
    return "Halted" if rollout.state == "halted" else rollout.state.capitalize()


def _waves(waves: tuple[Wave, ...]) -> None:
    with element("div", "ef-waves"):
        for wave in waves:
            name = "none" if wave.number is None else str(wave.number + 1)
            with element("div", "ef-wave", testid=f"wave-{name}"):
                text("Left out" if wave.number is None else f"Wave {name}", tag="span")
                progress(wave.counts)
                total, failed = sum(wave.counts.values()), sum(wave.counts.get(state, 0) for state in FAILED)
                done = f"{wave.counts.get('committed', 0):,} of {total:,} committed"
                said = counted(wave.counts) if wave.number is None else done
                text(f"{said}, {failed:,} failed" if failed else said, "ef-dim", tag="span")


def _order(rollout: Rollout) -> None:
    limits = rollout.limits
    said = [
        ("Release", rollout.release),
        ("For", rollout.target),
        ("Ordered by", rollout.created_by),
        ("Phases", ", ".join(rollout.phases)),
        ("Deadline of each device", f"{rollout.deadline_minutes:g} min after being told"),
        ("Time window", rollout.window or "at any time"),
        ("Opens", f"{words.clock(rollout.opens_at)} UTC" if rollout.opens_at else ""),
        ("Watched after each wave", f"{rollout.soak_minutes:g} min"),
        ("Halts beyond failures", rollout.max_failures),
        ("Held back to compare", words.share(rollout.control_share) if rollout.control_share else ""),
        ("Least mean confidence", f"{limits.min_mean_confidence:g}"),
        ("Largest latency p95", f"{limits.max_latency_p95_ms:g} ms" if limits.max_latency_p95_ms else "no limit"),
        ("Shadow run", f"{limits.shadow_frames:,} frames within {limits.shadow_s:g} s"),
        ("Health window", f"{limits.health_frames:,} frames within {limits.health_s:g} s"),
        ("Whole bundle if a delta fails", "yes" if rollout.whole_if_delta_fails else "no"),
        ("Budget of each device", f"{rollout.budget_mib:g} MiB" if rollout.budget_mib else "no limit"),
    ]
    with element("section", "ef-card"):
        text("Ordered", tag="h2").style("margin-bottom: 8px")
        with element("dl", "ef-facts"):
            for name, value in said:
                if value:
                    with element("div"):
                        text(name, tag="dt")
                        text(value, tag="dd")


def _steps(now: _Now) -> None:
    """Who did what, when and why."""
    steps = [(unix_s(s.at), f"{s.by}: {s.what}{f', {s.detail}' if s.detail else ''}") for s in now.rollout.steps]
    with element("section", "ef-card"):
        text("Steps (UTC)", tag="h2")
        with element("ol", "ef-steps", testid="steps"):
            for at_s, said in steps:
                with element("li"):
                    text(words.clock_s(at_s), tag="time")
                    text(said, tag="span")


def _judged(verdict: judging.Verdict) -> None:
    """Canary against control, as the sequential test sees it at this moment."""
    with element("section", "ef-card", testid="judged"):
        with element("div", "ef-head"):
            text("Canary against control", tag="h2")
            chip("halts" if verdict.halt else "no difference proved", "bad" if verdict.halt else "good")
        if verdict.detail:
            text(verdict.detail, "ef-dim")
        head = ("Measure", "Control", "Canary", "Statistic", "Halts beyond", "Devices", "")
        rows = [
            (
                f.metric,
                words.number(f.control),
                words.number(f.canary),
                words.number(f.statistic),
                words.number(f.bound),
                f"{f.devices_control:,} control, {f.devices_canary:,} canary",
                f.words or "",
            )
            for f in verdict.findings
        ]
        if rows:
            listing(head, rows, testid="findings")
        else:
            text("Too little has been measured to compare yet.", "ef-dim")


def _devices(now: _Now, more: list[int]) -> None:
    total = sum(now.rollout.counts.values())
    with element("section", "ef-card"):
        text("Devices", tag="h2")
        head = ("Device", "Wave", "State", "Cause", "Detail", "Since (UTC)")
        listing(head, map(_row, now.stands), testid="devices")
        if (left := total - len(now.stands)) > 0:

            def further() -> None:
                more[0] += 200

            button(f"Show more of {left:,} others", further, testid="more")


def _row(stand: Stand) -> tuple[Cell, ...]:
    wave = "" if stand.wave is None else str(stand.wave + 1)
    since = words.clock_s(stand.since_s)
    return (DeviceLink(stand.device), wave, State(stand.state), stand.cause, stand.detail, since)
