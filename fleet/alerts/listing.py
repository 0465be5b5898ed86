"""Alerts as people read them."""

from __future__ import annotations

import time

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from contract.moments import rfc3339
from fleet import tables
from fleet.alerts.answers import Alert
from fleet.alerts.settings import RANK
from fleet.alerts.silences import in_force, silenced_until_s

MOST_ENDED = 500


def list_alerts(connection: Connection, *, is_open: bool | None, now_s: float | None = None) -> tuple[Alert, ...]:
    """Open ones, the worst first, then the newest; ended ones, the last 500, newest first; None for both."""
    table = tables.ALERTS
    rows = []
    if is_open is not False:
        found = connection.execute(sa.select(table).where(table.c.ended_s.is_(None))).all()
        rows += sorted(found, key=lambda row: (-RANK[row.severity], -row.since_s, row.id))
    if is_open is not True:
        ended = sa.select(table).where(table.c.ended_s.is_not(None))
        rows += connection.execute(ended.order_by(table.c.ended_s.desc(), table.c.id.desc()).limit(MOST_ENDED)).all()
    silences = in_force(connection, time.time() if now_s is None else now_s)
    return tuple(_alert(row, silences) for row in rows)


def _alert(row: sa.Row[tuple[object, ...]], silences: object) -> Alert:
    until_s = silenced_until_s(
        silences,  # type: ignore[arg-type]
        alert=row.id,
        kind=row.kind,
        device=row.device,
        site=row.site,
        profile=row.profile,
        tags=msgspec.json.decode(row.tags),
    )
    return Alert(
        **{n: getattr(row, n) for n in ("id", "kind", "subject", "device", "site", "rollout", "severity", "words")},
        since=rfc3339(row.since_s),
        ended=None if row.ended_s is None else rfc3339(row.ended_s),
        returns=row.returns,
        silenced_until=None if until_s is None else rfc3339(until_s),
    )
