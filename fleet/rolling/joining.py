"""Devices that come to fit a dynamic rollout after it began: looked for once a minute, told with its last wave."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from fleet import tables
from fleet.planner import plan
from fleet.releases import bundles_of
from fleet.rolling.choosing import busy, choose
from fleet.rolling.rows import blank
from fleet.rolling.terms import Terms

EVERY_S = 60.0
_TARGETS, _ROLLOUTS = tables.ASSIGNMENTS, tables.ROLLOUTS


def look(connection: Connection, rollout: Row[Any], terms: Terms, now_s: float) -> int:
    """Take in whoever fits, is in no other open rollout and has a bundle; returns how many came."""
    if not terms.dynamic or 0 <= now_s - (rollout.joined_s or 0.0) < EVERY_S:
        return 0
    connection.execute(_ROLLOUTS.update().where(_ROLLOUTS.c.id == rollout.id).values(joined_s=now_s))
    mine = sa.select(_TARGETS.c.device).where(_TARGETS.c.rollout == rollout.id)
    newcomers = choose(connection, terms.target, now_s, only=tables.DEVICES.c.device.not_in(mine))
    if not newcomers:
        return 0
    taken = busy(connection)
    bundles = bundles_of(connection, f"{rollout.name}@{rollout.version}")
    planned = plan([c for c in newcomers if c.device not in taken], bundles, ("all",))
    joined = [placement for wave in planned.waves for placement in wave]
    if joined:
        last = sa.select(sa.func.max(_TARGETS.c.wave)).where(_TARGETS.c.rollout == rollout.id)
        wave = connection.scalar(last) or 0
        rows = [blank(rollout.id, p.device, now_s, wave=wave, digest=p.digest, state="waiting") for p in joined]
        connection.execute(_TARGETS.insert(), rows)
    return len(joined)
