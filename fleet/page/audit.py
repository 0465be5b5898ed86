"""Who did what, and whether the record is still as it was written."""

from __future__ import annotations

from asyncio import to_thread

from fastapi import Request
from nicegui import ui

from fleet.page import words
from fleet.page.audit_reading import Audit, read_audit
from fleet.page.shell import actor, element, shell, text
from fleet.page.tables import Colour, listing
from fleet.parts import Parts
from fleet.people.actor import may

_ONE_PAGE = 50


def add_audit_page(parts: Parts) -> None:
    """Serve it at `/audit`, for admins; `?before=N` is an older page."""

    @ui.page("/audit")
    async def page(request: Request) -> None:
        with shell(parts, "/audit", "Audit"):
            text("Audit", tag="h1")
            if not may(actor(), "admin"):
                text("Only admins may read the audit.", "ef-empty ef-card", testid="not-you")
                return
            asked = request.query_params.get("before", "")
            before = int(asked) if asked.isdecimal() and len(asked) < 18 else None
            _draw(await to_thread(_read, parts, before))


def _read(parts: Parts, before: int | None) -> Audit:
    with parts.store.reading() as connection:
        return read_audit(connection, before=before, limit=_ONE_PAGE, check=True)


def _draw(audit: Audit) -> None:
    with element("div", "ef-stack").style("margin-top: 14px"):
        if audit.broken:
            text(f"The chain is broken at {audit.broken}.", "ef-notice", testid="chain")
        else:
            said = f"The chain is whole. Head {audit.head}: keep it elsewhere to notice a cut end."
            text(said, "ef-notice fine", testid="chain")
        with element("section", "ef-card"):
            if not audit.entries:
                text("Nothing has been done yet.", "ef-empty")
                return
            rows = [
                (str(e.number), words.clock(e.at), e.who, e.act, e.about, Colour(e.outcome, _tone(e.outcome)), e.detail)
                for e in audit.entries
            ]
            listing(("No.", "When (UTC)", "Who", "Act", "About", "Outcome", "Detail"), rows, testid="entries")
        oldest = audit.entries[-1].number
        if oldest > 1:
            text(f'<a href="/audit?before={oldest}">Older entries</a>', raw=True)


def _tone(outcome: str) -> str:
    return "good" if outcome in ("done", "200", "201", "204") else "warn"
