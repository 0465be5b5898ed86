"""Whether a new model does harm where it serves already: canaries held against control, always ready to be asked.

    store ─evidence→ windows → changes a device ─┐
    store ─evidence→ failed and silent devices ──┴→ court (ranks, wealth) → Verdict

`windows`, `ranks`, `wealth` and `court` are pure. Importing the room imports neither numpy nor SQLAlchemy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet.judging.verdicts import Finding, Verdict

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["Finding", "Verdict", "newest", "verdict"]


def verdict(connection: Connection, rollout_id: int, now_s: float) -> Verdict:
    """What is known at `now_s` (Unix seconds) about a running rollout; cheap enough for every tick.

    Works in the caller's writing transaction, in which it keeps what it has counted. NotFoundError for an unknown
    rollout.
    """
    from fleet.judging.evidence import judge

    return judge(connection, rollout_id, now_s)


def newest(connection: Connection, rollout_id: int) -> Verdict | None:
    """What `verdict` said last, without looking anew; None where it was never asked."""
    from fleet.judging.memory import newest as kept

    found = kept(connection, rollout_id)
    return None if found is None else found[1]
