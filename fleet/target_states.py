"""The states a device may be in within one rollout: the device's own, and the fleet's words around them.

waiting ─told→ assigned ─…the device's states…→ committed | refused | rolled-back
waiting ─offline at its turn→ away ─online again→ assigned; `missed` never came back in time.
`blocked` was never to be told; `held-back` stays on the old model to compare with; `silent` let its deadline pass;
`withdrawn` was unfinished when a person stopped it, or another rollout told it something newer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, get_args

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from contract.messages import Reported
from contract.states import FINAL, State
from fleet import tables

TargetState = State | Literal["waiting", "away", "assigned", "blocked", "held-back", "silent", "missed", "withdrawn"]
SETTLED = FINAL - {"idle"}
"""The device's own last words: nothing heard later changes them, except that a committed model was rolled back."""
UNDER_WAY = frozenset({"assigned", *get_args(State)}) - SETTLED - {"idle"}
"""Told, and not finished."""
UNFINISHED = UNDER_WAY | {"waiting", "away"}
"""Something is still to happen to it, if its rollout goes on."""
FAILED = frozenset({"refused", "rolled-back", "silent"})


class Report(NamedTuple):
    """What one device said of its update, and when it was heard."""

    device: str
    reported: Reported
    now_s: float


def apply_reports(connection: Connection, reports: Sequence[Report]) -> None:
    """Move the rows of the rollouts that are answered, in this order; late news after silence or withdrawal counts."""
    news = [_news(report) for report in reports if report.reported.state != "idle"]
    if news:
        connection.execute(_ANSWERED, news)


def _news(report: Report) -> dict[str, Any]:
    said = report.reported
    return {
        "told": report.device,
        "number": said.counter,
        "said": said.state,
        "why": said.cause,
        "words": said.detail,
        "heard_s": report.now_s,
    }


def _answered() -> sa.Update:
    """One statement prepared once for all: these come by the thousand when a wave has been told."""
    table = tables.ASSIGNMENTS
    said: sa.BindParameter[str] = sa.bindparam("said")
    heard_s: sa.BindParameter[float] = sa.bindparam("heard_s")
    same = (table.c.device == sa.bindparam("told")) & (table.c.counter == sa.bindparam("number"))
    # Spelled out, because a list is filled in anew for each statement, which rules out many at once.
    open_still = sa.and_(*(table.c.state != settled for settled in sorted(SETTLED)))
    rolled_back = (table.c.state == "committed") & (said == "rolled-back")
    # A step told twice must not put its deadline off.
    since = sa.case((table.c.state == said, table.c.state_s), else_=heard_s)
    return (
        table.update()
        .where(same & (open_still | rolled_back))
        .values(state=said, cause=sa.bindparam("why"), detail=sa.bindparam("words"), updated_s=heard_s, state_s=since)
    )


_ANSWERED = _answered()


def expire(connection: Connection, now_s: float) -> int:
    """Call `silent` whoever let a deadline pass; returns how many."""
    table = tables.ASSIGNMENTS
    overdue = table.c.state.in_(UNDER_WAY) & (table.c.deadline_s < now_s)
    said = sa.literal("nothing final was heard before the deadline; last state: ") + table.c.state
    values = {"state": "silent", "cause": "silence", "detail": said, "updated_s": now_s, "state_s": now_s}
    return connection.execute(table.update().where(overdue).values(values)).rowcount
