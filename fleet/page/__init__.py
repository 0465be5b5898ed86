"""The page: NiceGUI mounted behind the API, one file a page.

Browsers get everything from this server and nothing from elsewhere. A page reads the store once a second while
somebody looks at it, and costs nothing otherwise.
"""

from __future__ import annotations

from fastapi import FastAPI
from nicegui import ui

from fleet.page.alerts import add_alerts_page
from fleet.page.audit import add_audit_page
from fleet.page.device import add_device_page
from fleet.page.overview import add_overview
from fleet.page.quarantine import add_quarantine_page
from fleet.page.releases import add_releases_page
from fleet.page.rollout import add_rollout_page
from fleet.page.rollout_form import add_rollout_form
from fleet.page.rollouts import add_rollouts_page
from fleet.page.roster import Roster
from fleet.page.shell import add_look
from fleet.parts import Parts

_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0b6e6a"/>'
    '<path d="M6 19h20l-3 6H9zM11 16V9h10v7" fill="none" stroke="#fff" stroke-width="2.4"/></svg>'
)


def add_page(app: FastAPI, parts: Parts) -> None:
    """Serve the pages at `/`; routes the application has already come first."""
    roster = Roster(parts.store)
    add_look()
    add_overview(parts, roster)
    add_device_page(parts)
    add_releases_page(parts)
    add_rollouts_page(parts)
    add_rollout_form(parts, roster)
    add_rollout_page(parts)
    add_alerts_page(parts)
    add_quarantine_page(parts)
    add_audit_page(parts)
    ui.run_with(
        app,
        title="edgeferry",
        favicon=_ICON,
        dark=None,
        binding_refresh_interval=None,
        show_welcome_message=False,
        tailwind=False,
    )
