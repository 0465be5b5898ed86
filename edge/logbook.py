"""Where the update at hand stands: each step written down first, then told."""

from __future__ import annotations

import logging
from collections.abc import Callable

from msgspec.structs import replace

from contract.messages import Assignment
from contract.progress import Progress
from contract.states import Cause, Event, next_state
from edge.durable import DiskError
from edge.progress import ProgressFile

log = logging.getLogger(__name__)


class Logbook:
    """The present progress. For one thread."""

    def __init__(self, file: ProgressFile, tell: Callable[[Progress], None]) -> None:
        self.progress = Progress()
        self._file, self._tell = file, tell

    @property
    def assignment(self) -> Assignment:
        """What is carried out, or was last."""
        assert self.progress.assignment is not None
        return self.progress.assignment

    def keep(self, progress: Progress) -> None:
        """Remember, and write down. Without a writable disk the walk goes on to its end: the slots decide."""
        self.progress = progress
        try:
            self._file.save(progress)
        except DiskError as refused:
            log.error("%s", refused)

    def step(self, event: Event, *, cause: Cause | None = None, detail: str = "") -> None:
        """Go where the table says `event` leads."""
        state = next_state(self.progress.state, event)
        self.keep(replace(self.progress, state=state, cause=cause, detail=detail))
        log.info("update %d: %s%s", self.progress.counter, state, f" ({cause}: {detail})" if cause else "")
        self.tell()

    def tell(self) -> None:
        """Say again how it stands."""
        self._tell(self.progress)
