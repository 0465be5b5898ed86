"""Releases: what each bundle is and was measured to be, and the way to begin a rollout."""

from __future__ import annotations

from typing import NamedTuple

from nicegui import run, ui
from pydantic import ValidationError
from sqlalchemy.engine import Connection

from contract.digest import PREFIX
from contract.errors import FerryError
from fleet import page_words as words
from fleet.answers import HealthLimits, Release, ReleasedBundle, RolloutOrder
from fleet.page_shell import element, keep_cards, outside, shell, text
from fleet.page_tables import Cell, Colour, listing
from fleet.parts import Parts
from fleet.releases import bundle_name, list_releases

_HEAD = ("Profile", "Format", "Size", "Measured", "Agrees with its source", "Signed by", "Note")


def add_releases_page(parts: Parts) -> None:
    """Serve it at `/releases`."""

    @ui.page("/releases")
    def page() -> None:
        with shell(parts, "/releases", "Releases"):
            text("Releases", tag="h1")
            text("What may be rolled out: one release has one signed bundle for each kind of device.", "ef-dim")
            none = "None yet. Upload bundles: edgeferry fleet release BUNDLE…"
            keep_cards(parts, lambda connection: _read(parts, connection), _card, none=none)


class _Shown(NamedTuple):
    """A release, and the profiles whose bundle nobody vouches for."""

    release: Release
    unvouched: tuple[str, ...]


def _read(parts: Parts, connection: Connection) -> tuple[_Shown, ...]:
    return tuple(_Shown(release, _unvouched(parts, release)) for release in list_releases(connection))


def _unvouched(parts: Parts, release: Release) -> tuple[str, ...]:
    if parts.notary is None:
        return ()
    return tuple(b.profile for b in release.bundles if not parts.notary.vouches_for(bundle_name(b.digest)))


def _card(parts: Parts, shown: _Shown) -> None:
    release = shown.release
    with element("section", "ef-card", testid=f"release-{release.release}"):
        with element("div", "ef-head"):
            text(release.release, tag="h2")
            newest = max(bundle.added_at for bundle in release.bundles)
            text(f"added {words.clock(newest)} UTC", "ef-dim", tag="span")
            begin = ui.button("Roll out…", on_click=lambda: _ask_to_roll_out(parts, release.release))
            begin.props("outline no-caps color=primary padding='2px 12px' data-testid=roll-out").classes("ef-push")
        if shown.unvouched:
            refused = f"Devices with a pinned root refuse it until it is signed for {', '.join(shown.unvouched)}."
            text(refused, "ef-notice", testid="unvouched").style("margin-bottom: 12px")
        listing(_HEAD, [_row(bundle) for bundle in release.bundles])


def _row(bundle: ReleasedBundle) -> tuple[Cell, ...]:
    evidence, key = bundle.evidence, bundle.keyid.removeprefix(PREFIX)[:8]
    measured = f"{evidence.metric} {words.share(evidence.artifact)} on {evidence.pictures:,} pictures"
    signed = Colour(f"{key} trusted", "good") if bundle.verified else Colour(f"{key} not judged here", "dim")
    return (
        bundle.profile,
        bundle.format,
        words.size(bundle.size_bytes),
        measured if evidence.pictures else words.MISSING,
        words.share(evidence.agreement),
        signed,
        bundle.note,
    )


async def _ask_to_roll_out(parts: Parts, release: str) -> None:
    with outside(), ui.dialog() as dialog, ui.card().style("min-width: min(420px, 90vw)"):
        text(f"Roll out {release}", tag="h2")
        text("To every device it has a bundle for, one wave after the other.", "ef-dim")
        phases = ui.input("Phases", value="1,all").classes("w-full").props("dense outlined")
        confidence = ui.number("Least mean confidence, 0 to 1", value=0.0, min=0, max=1, step=0.05)
        confidence.classes("w-full").props("dense outlined")
        deadline = ui.number("Deadline of each device, minutes", value=30, min=0.1).classes("w-full")
        deadline.props("dense outlined")
        with ui.row().classes("w-full justify-end"):
            ui.button("Cancel", on_click=lambda: dialog.submit(False)).props("flat no-caps color=grey")
            ui.button("Begin", on_click=lambda: dialog.submit(True)).props("no-caps unelevated data-testid=begin")
    agreed = await dialog
    chosen = (phases.value, confidence.value, deadline.value)
    dialog.delete()
    if agreed:
        await _begin(parts, release, *chosen)


async def _begin(parts: Parts, release: str, phases: str, confidence: float | None, minutes: float | None) -> None:
    try:
        order = RolloutOrder(
            release=release,
            phases=tuple(phase.strip() for phase in phases.split(",")),
            limits=HealthLimits(min_mean_confidence=confidence or 0.0),
            deadline_minutes=minutes or 30.0,
        )
        await run.io_bound(parts.conductor.create, order)
    except ValidationError as invalid:
        ui.notify(invalid.errors()[0]["msg"], type="negative")
    except FerryError as refusal:
        ui.notify(f"{refusal.what}. {refusal.fix}", type="negative")
    else:
        ui.navigate.to("/rollouts")
