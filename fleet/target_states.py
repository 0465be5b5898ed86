"""The states a device may be in within one rollout: the device's own, and the fleet's words around them.

waiting ─told→ assigned ─…the device's states…→ committed | refused | rolled-back
`blocked` was never to be told; `silent` let its deadline pass; `withdrawn` was unfinished when a person stopped it.
"""

from __future__ import annotations

from typing import Literal, get_args

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from contract.messages import Reported
from contract.states import FINAL, State
from fleet import tables

TargetState = State | Literal["waiting", "assigned", "blocked", "silent", "withdrawn"]
SETTLED = FINAL - {"idle"}
"""The device's own last words: nothing heard later changes them."""
UNDER_WAY = frozenset({"assigned", *get_args(State)}) - SETTLED - {"idle"}
"""Told, and not finished."""
FAILED = frozenset({"refused", "rolled-back", "silent"})


def apply_reported(connection: Connection, device: str, reported: Reported, now_s: float) -> None:
    """Move the device's row of the rollout it answers; late news after silence or withdrawal still counts."""
    if reported.state == "idle":
        return
    table = tables.ASSIGNMENTS
    answered = (table.c.device == device) & (table.c.counter == reported.counter) & table.c.state.not_in(SETTLED)
    news = {"state": reported.state, "cause": reported.cause, "detail": reported.detail, "updated_s": now_s}
    connection.execute(table.update().where(answered).values(news))


def expire(connection: Connection, now_s: float) -> int:
    """Call `silent` whoever let a deadline pass; returns how many."""
    table = tables.ASSIGNMENTS
    overdue = table.c.state.in_(UNDER_WAY) & (table.c.deadline_s < now_s)
    said = sa.literal("nothing final was heard before the deadline; last state: ") + table.c.state
    values = {"state": "silent", "cause": "silence", "detail": said, "updated_s": now_s}
    return connection.execute(table.update().where(overdue).values(values)).rowcount
