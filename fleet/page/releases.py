"""Releases: what each bundle is and was measured to be, and whose word counts for it."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote

from nicegui import ui
from sqlalchemy.engine import Connection

from contract.digest import PREFIX
from fleet.answers import Release, ReleasedBundle
from fleet.page import words as words
from fleet.page.shell import element, keep_cards, may_act, shell, text
from fleet.page.tables import Cell, Colour, listing
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


def _card(_parts: Parts, shown: _Shown) -> None:
    release = shown.release
    with element("section", "ef-card", testid=f"release-{release.release}"):
        with element("div", "ef-head"):
            text(release.release, tag="h2")
            newest = max(bundle.added_at for bundle in release.bundles)
            text(f"added {words.clock(newest)} UTC", "ef-dim", tag="span")
            if may_act():
                begin = text("Roll out…", "ef-button ef-push", tag="a", testid="roll-out")
                begin.props(f'href="/rollouts/new?release={quote(release.release)}"')
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
