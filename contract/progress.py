"""How far an assignment came, and what a restart means in each state: a record and a table, without a file.

`edge/progress.py` keeps the record on a device's disk; a simulated device keeps it in memory.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from contract.manifest import Digest
from contract.messages import Assignment
from contract.states import FINAL, Cause, State

SCHEMA = 1
MOST_TRIES = 3
"""Starts of one assignment: one that brings the agent down again and again must not do it forever."""


class Progress(Struct, frozen=True, kw_only=True):
    """The last accepted assignment and where it stands."""

    schema: int = SCHEMA
    state: State = "idle"
    assignment: Assignment | None = None
    local: bool = False
    """Whether somebody at the device gave it (`edge/inbox.py`), and not the fleet."""
    order: str = ""
    """The id of that order."""
    accepted: int = 0
    """The highest counter of the fleet's assignments so far; only a larger one is new."""
    tries: int = 0
    """How often this assignment was begun."""
    cause: Cause | None = None
    detail: str = ""

    @property
    def counter(self) -> int:
        """What the fleet knows this assignment by; 0 for one it does not know."""
        return 0 if self.assignment is None or self.local else self.assignment.counter

    @property
    def unfinished(self) -> bool:
        """Whether there is an assignment to be carried out: idle with one has yet to begin it, perhaps again."""
        return self.assignment is not None and (self.state == "idle" or self.state not in FINAL)


def after_restart(progress: Progress, *, provisional: bool, current: Digest | None) -> Progress:
    """What the record becomes when the agent starts again.

    `provisional` and `current` are what the slots say, and they decide: the record may be one write behind them.
    """
    if progress.assignment is None or not progress.unfinished:
        return progress
    if progress.state == "provisional" and not provisional and current == progress.assignment.digest:
        return replace(progress, state="committed", detail="committed just before a restart")
    if provisional or progress.state in ("switching", "provisional"):
        return replace(progress, state="rolled-back", cause="interrupted", detail=f"restarted while {progress.state}")
    if progress.tries >= MOST_TRIES:
        detail = f"restarted {progress.tries} times, last while {progress.state}"
        return replace(progress, state="refused", cause="interrupted", detail=detail)
    return replace(progress, state="idle")
