"""Silence is failure: the overall deadline of each device, and how long it may stay in one state.

Set-based: one statement for the first, one a rollout with devices under way for the second.
"""

from __future__ import annotations

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fleet import tables
from fleet.answers import HealthLimits
from fleet.rolling.terms import Terms, state_limits_s
from fleet.target_states import UNDER_WAY
from fleet.target_states import expire as expire_overall

_TARGETS, _ROLLOUTS = tables.ASSIGNMENTS, tables.ROLLOUTS


def expire(connection: Connection, now_s: float) -> int:
    """Call `silent` whoever let a deadline pass; returns how many."""
    expired = expire_overall(connection, now_s)
    under_way = sa.select(_TARGETS.c.rollout).where(_TARGETS.c.state.in_(UNDER_WAY)).distinct()
    rollouts = sa.select(_ROLLOUTS.c.id, _ROLLOUTS.c.terms, _ROLLOUTS.c.limits).where(_ROLLOUTS.c.id.in_(under_way))
    for rollout, terms, limits in connection.execute(rollouts).all():
        said, judged = msgspec.json.decode(terms, type=Terms), HealthLimits.model_validate_json(limits)
        expired += _expire_states(
            connection, rollout, state_limits_s(said.state_minutes, judged.shadow_s, judged.health_s), now_s
        )
    return expired


def _expire_states(connection: Connection, rollout: int, limits_s: dict[str, float], now_s: float) -> int:
    table = _TARGETS.c
    late = sa.or_(*((table.state == state) & (table.state_s < now_s - most) for state, most in limits_s.items()))
    said = sa.literal("nothing was heard within the time for this state; last state: ") + table.state
    values = {"state": "silent", "cause": "silence", "detail": said, "updated_s": now_s, "state_s": now_s}
    return connection.execute(_TARGETS.update().where((table.rollout == rollout) & late).values(values)).rowcount


def end_catching_up(connection: Connection, rollout: int, days: float, now_s: float) -> int:
    """Give up those whose turn came too long ago and who never came online; returns how many."""
    table = _TARGETS.c
    late = (table.rollout == rollout) & (table.state == "away") & (table.state_s <= now_s - days * 86400)
    detail = f"it was offline at its turn and for {days:g} days after"
    values = {"state": "missed", "cause": "offline", "detail": detail, "updated_s": now_s, "state_s": now_s}
    return connection.execute(_TARGETS.update().where(late).values(values)).rowcount
