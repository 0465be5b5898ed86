"""How far the last assignment came, in one file, so that a restart goes on with it or undoes it.

`after_restart` is the table of what a restart means in each state; it knows no files. `ProgressFile` keeps the record.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from contract.codec import to_pretty_json
from contract.manifest import Digest
from contract.messages import Assignment
from contract.states import FINAL, Cause, State
from edge.durable import Disk, disk_error, read_record

SCHEMA = 1
FILE_NAME = "update.json"
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


class ProgressFile:
    """`update.json` in the state folder."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._path, self._disk = folder / FILE_NAME, disk

    def load(self) -> Progress:
        """What was saved last; a fresh record on a new device."""
        if not self._path.exists():
            return Progress()
        return read_record(
            self._path,
            Progress,
            newest_schema=SCHEMA,
            without_it="the fleet's assignment is then taken again",
        )

    def save(self, progress: Progress) -> None:
        """Durable when this returns; DiskError where the disk refuses."""
        try:
            self._disk.replace_file(self._path, to_pretty_json(progress))
        except OSError as problem:
            raise disk_error("keeping the update's progress", self._path, problem) from problem
