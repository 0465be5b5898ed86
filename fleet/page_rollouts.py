"""Rollouts as they happen: how far, who failed, and why."""

from __future__ import annotations

from nicegui import run, ui
from sqlalchemy.engine import Connection

from contract.errors import FerryError
from fleet import page_words as words
from fleet.answers import Rollout, Target
from fleet.page_shell import chip, element, keep_cards, outside, shell, text
from fleet.page_tables import Cell, DeviceLink, State, listing
from fleet.parts import Parts
from fleet.rollouts import list_rollouts, show

SHOWN = 20
"""The newest; older ones are in the API."""


def add_rollouts_page(parts: Parts) -> None:
    """Serve it at `/rollouts`."""

    @ui.page("/rollouts")
    def page() -> None:
        with shell(parts, "/rollouts", "Rollouts"):
            text("Rollouts", tag="h1")
            text(
                "A release on its way to devices, wave by wave. One failure, or silence past the deadline, halts it.",
                "ef-dim",
            )
            keep_cards(parts, _read, _card, none="None yet. Begin one on the page of releases.")


def _read(connection: Connection) -> tuple[Rollout, ...]:
    return tuple(show(connection, summary.id) for summary in list_rollouts(connection)[:SHOWN])


def _card(parts: Parts, rollout: Rollout) -> None:
    with element("section", "ef-card", testid=f"rollout-{rollout.id}"):
        with element("div", "ef-head"):
            text(f"{rollout.release}", tag="h2")
            chip(rollout.state, words.tone(rollout.state), testid="state")
            begun = (
                f"rollout {rollout.id}, phases {', '.join(rollout.phases)}, begun {words.clock(rollout.created_at)} UTC"
            )
            text(begun, "ef-dim", tag="span")
            if rollout.state == "running":
                stop = ui.button("Stop", on_click=lambda: _ask_to_stop(parts, rollout.id))
                stop.props("flat dense no-caps color=negative data-testid=stop").classes("ef-push")
        _progress(rollout)
        if rollout.cause:
            text(f"Halted: {rollout.cause}. {rollout.detail}", "ef-notice", testid="cause").style("margin: 12px 0")
        rows = [_row(target) for target in rollout.devices]
        listing(("Device", "Wave", "State", "Cause", "Detail", "Since (UTC)"), rows, testid="devices")


def _progress(rollout: Rollout) -> None:
    """One stripe a state, as wide as its share of the devices."""
    summary = ", ".join(f"{count} {state}" for state, count in sorted(rollout.counts.items()))
    order = {"good": 0, "bad": 1, "busy": 2, "dim": 3}
    with element("div", "ef-progress").props(f'role="img" aria-label="{summary}"').style("margin-bottom: 10px"):
        for state, count in sorted(rollout.counts.items(), key=lambda item: order[words.tone(item[0])]):
            element("i", words.tone(state)).style(f"flex-grow: {count}")


def _row(target: Target) -> tuple[Cell, ...]:
    wave = "" if target.wave is None else str(target.wave + 1)
    since = words.clock(target.updated_at)
    return (DeviceLink(target.device), wave, State(target.state), target.cause or "", target.detail, since)


async def _ask_to_stop(parts: Parts, rollout: int) -> None:
    with outside(), ui.dialog() as dialog, ui.card():
        text(f"Stop rollout {rollout}?", tag="h2")
        text("No further device is told. Devices that have committed keep the new model.", "ef-dim")
        with ui.row().classes("w-full justify-end"):
            ui.button("Let it go on", on_click=lambda: dialog.submit(False)).props("flat no-caps color=grey")
            ui.button("Stop it", on_click=lambda: dialog.submit(True)).props("flat no-caps color=negative")
    agreed = await dialog
    dialog.delete()
    if agreed:
        try:
            await run.io_bound(parts.conductor.abort, rollout)
        except FerryError as refusal:
            ui.notify(f"{refusal.what}. {refusal.fix}", type="negative")
