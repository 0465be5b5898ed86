"""Rollouts, newest first: how far each one is, and the way to begin another."""

from __future__ import annotations

from nicegui import ui

from fleet.answers import RolloutSummary
from fleet.page import words
from fleet.page.shell import chip, element, keep_cards, may_act, shell, text
from fleet.parts import Parts
from fleet.rollouts import list_rollouts

MOST = 50
_ORDER = {"good": 0, "bad": 1, "busy": 2, "warn": 2, "dim": 3}


def add_rollouts_page(parts: Parts) -> None:
    """Serve it at `/rollouts`."""

    @ui.page("/rollouts")
    def page() -> None:
        with shell(parts, "/rollouts", "Rollouts"):
            with element("div", "ef-head"):
                with element("div"):
                    text("Rollouts", tag="h1")
                    text("Each wave begins when every device of the one before has committed.", "ef-dim")
                if may_act():
                    link = text("New rollout", "ef-button main ef-push", tag="a", testid="new")
                    link.props('href="/rollouts/new"')
            none = "None yet. Upload a release, then begin with New rollout: a dry run comes first."
            keep_cards(parts, lambda connection: list_rollouts(connection)[:MOST], _card, none=none)


def _card(_parts: Parts, rollout: RolloutSummary) -> None:
    with element("section", "ef-card", testid=f"rollout-{rollout.id}"):
        with element("div", "ef-head"):
            text(f'<a href="/rollouts/{rollout.id}">{rollout.id}: {rollout.release}</a>', tag="h2", raw=True)
            chip(rollout.state, words.tone(rollout.state), testid="state")
            text(f"begun {words.clock(rollout.created_at)} UTC", "ef-dim ef-push", tag="span")
        progress(rollout.counts)
        text(counted(rollout.counts), "ef-dim ef-num").style("white-space: normal; margin-top: 6px")
        if rollout.cause:
            text(f"{rollout.cause}: {rollout.detail}", "ef-notice", testid="cause").style("margin-top: 10px")


def progress(counts: dict[str, int]) -> None:
    """One stripe a state, as wide as its share of the devices."""
    with element("div", "ef-progress").props(f'role="img" aria-label="{counted(counts)}"'):
        for state, count in sorted(counts.items(), key=lambda item: _ORDER[words.tone(item[0])]):
            element("i", words.tone(state)).style(f"flex-grow: {count}")


def counted(counts: dict[str, int]) -> str:
    """`3 committed, 1 rolled-back`."""
    ordered = sorted(counts.items(), key=lambda item: (_ORDER[words.tone(item[0])], item[0]))
    return ", ".join(f"{count:,} {state}" for state, count in ordered) or "no devices"
