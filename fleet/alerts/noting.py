"""Where alerts meet the record of what happened: one entry a message, not one a device."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.engine import Connection

from fleet.alerts.grouping import Notice
from fleet.people import audit


def note(connection: Connection, notices: Iterable[Notice]) -> None:
    """Write down that these were told, in the caller's transaction."""
    for notice in notices:
        about = notice.alerts[0].subject if notice.count == 1 else f"{notice.count} alerts of kind {notice.kind}"
        audit.note(connection, by="server", act=f"alert {notice.state}", about=about, detail=notice.text)
