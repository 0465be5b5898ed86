"""Taking everybody a rollout touched back to the bundle each ran before: a rollout of its own, told to all at once."""

from __future__ import annotations

from collections import Counter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from fleet import rollouts, tables
from fleet.answers import HealthLimits, RolloutOrder
from fleet.planner import Placement, Plan
from fleet.refusals import ConflictError, NotFoundError
from fleet.rolling.choosing import OPEN
from fleet.rolling.steps import note
from fleet.rolling.terms import Target, terms_of
from fleet.target_states import UNDER_WAY

_TARGETS, _ROLLOUTS, _RELEASES = tables.ASSIGNMENTS, tables.ROLLOUTS, tables.RELEASES
_NAMED = 5


def roll_back(connection: Connection, rollout: int, now_s: float, by: str = "local") -> int:
    """Stop `rollout` if it is open, and begin the way back; returns the new rollout's id.

    Limits of the old model are not asked for: it has served before, and is not to be compared with what it replaces.
    ConflictError names devices whose earlier bundle is not in the repository; then nothing has been done.
    """
    state = connection.scalar(sa.select(_ROLLOUTS.c.state).where(_ROLLOUTS.c.id == rollout).with_for_update())
    if state is None:
        raise NotFoundError(f"no rollout {rollout}", where="rollouts", fix="List them: edgeferry fleet rollout list")
    touched = _touched(connection, rollout)
    if not touched:
        raise ConflictError(
            "nobody runs what it brought", where=f"rollout {rollout}", fix="There is nothing to take back."
        )
    _refuse_unreachable(rollout, touched)
    if state in OPEN:
        rollouts.abort(connection, rollout, now_s, by)
    else:
        rollouts.withdraw(connection, rollout, now_s)
    rollouts.refuse_overlap(connection, [row.device for row in touched])
    ((name, version), _) = Counter((row.name, row.version) for row in touched).most_common(1)[0]
    order = RolloutOrder(
        release=f"{name}@{version}",
        devices=tuple(row.device for row in touched),
        phases=("all",),
        limits=HealthLimits(shadow_frames=0, max_error_share=1.0),
        max_failures="100%",
        whole_if_delta_fails=True,
    )
    planned = Plan((tuple(Placement(row.device, row.before) for row in touched),), (), ())
    terms = terms_of(order)
    assert terms.target == Target(devices=order.devices)
    back = rollouts.insert(connection, order, terms, planned, now_s, by, back_of=rollout)
    note(connection, rollout, by, "taken-back", now_s, f"by rollout {back}")
    return back


def _touched(connection: Connection, rollout: int) -> list[Row[Any]]:
    """Devices that run, or may come to run, what the rollout brought, with what each ran before."""
    table, device = _TARGETS.c, tables.DEVICES.c
    may_run = table.state.in_(UNDER_WAY | {"silent"}) | (device.digest == table.digest)
    query = (
        sa.select(table.device, table.before, _RELEASES.c.name, _RELEASES.c.version)
        .join_from(_TARGETS, tables.DEVICES, table.device == device.device)
        .outerjoin(_RELEASES, table.before == _RELEASES.c.digest)
        .where((table.rollout == rollout) & table.told_s.is_not(None) & may_run)
        .where(table.before.is_(None) | (table.before != table.digest))
    )
    return list(connection.execute(query.order_by(table.device)))


def _refuse_unreachable(rollout: int, touched: list[Row[Any]]) -> None:
    missing = [row.device for row in touched if row.name is None]
    if missing:
        named = ", ".join(missing[:_NAMED]) + (f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else "")
        raise ConflictError(
            f"what {named} ran before is not in the repository",
            where=f"rollout {rollout}",
            fix="Release these bundles first: edgeferry fleet release BUNDLE",
        )
