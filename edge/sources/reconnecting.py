"""Cameras go away and come back: a wrapper that opens a live source anew until it gives frames again.

The first attempt follows at once, the next ones so closely that a camera that returned within the first minute is
seen within a second; later ones come up to five seconds apart. Lengths vary at random, so that a rack of devices does
not besiege the camera they share.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable
from statistics import median

import msgspec

from contract.errors import FerryError, SourceError
from edge.frames import Frame
from edge.sources import Source

FIRST_FRAME_S = 10.0
"""A camera that has given nothing for so long after it was opened will not."""
_STALL_INTERVALS, _STALL_SPARE_S, _LEAST_STALL_S = 3, 0.1, 0.5
_LEAST_FIRST_FRAME_S, _FIRST_FRAME_TIMES = 2.0, 3
"""Once it has been opened: three times what that took, because an attempt that hangs delays the one that would not."""
_RHYTHM_FRAMES = 8
"""Intervals whose median is the rhythm; until there are as many, patience is that of the first frame."""
_FIRST_PAUSE_S, _SHORT_PAUSE_S, _LONG_PAUSE_S = 0.05, 0.5, 5.0
_SHORT_FOR_S = 60.0
_STEADY_S = 5.0
"""A source that ran for so long is opened again at once; one that comes and goes is not opened in a hot loop."""


class ReconnectingSource:
    """What `opening` opens, as one source that does not end with an outage. Indices go on counting.

    Before the first frame a failure is raised, unless `patient`: a wrong address should be said, not retried. `stall_s`
    is how long a read may wait in all before the source counts as hung: three intervals and 0.1 s unless given.
    """

    live = True

    def __init__(self, opening: Callable[[], Source], *, patient: bool = False, stall_s: float | None = None) -> None:
        self._opening, self._patient, self._stall_s = opening, patient, stall_s
        self.outages = self.reopened = 0
        """How often it was lost, and how often it gave a frame again after that."""
        self.last_error: str | None = None
        """Why it was lost, or could not be opened, the last time."""
        self._source: Source | None = None
        self._skipped_before = self._index = self._attempts = 0
        self._away_since: float | None = None
        self._next_attempt = 0.0
        self._waited_s = 0.0
        self._opened_at, self._first_frame_s = time.monotonic(), FIRST_FRAME_S
        self._last_at: float | None = None
        self._intervals: deque[float] = deque(maxlen=_RHYTHM_FRAMES)
        self.name = self._open_first()

    @property
    def skipped(self) -> int:
        """Frames that came and were passed over for newer ones, since the beginning."""
        return self._skipped_before + (getattr(self._source, "skipped", 0) if self._source is not None else 0)

    @property
    def away(self) -> bool:
        """Whether it is lost and gave no frame since."""
        return self._away_since is not None

    def read(self, timeout_s: float) -> Frame | None:
        """The next frame; TimeoutError also while the source is away."""
        began = time.monotonic()
        if self._source is None and not self._open_again(timeout_s):
            raise TimeoutError
        assert self._source is not None
        left_s = max(timeout_s - (time.monotonic() - began), 0.0)
        try:
            frame = self._source.read(min(left_s, max(self._patience_s() - self._waited_s, 0.0)))
        except TimeoutError:
            self._waited_s += time.monotonic() - began
            if self._waited_s >= self._patience_s():
                self._lose(self._stalled())
            raise
        except SourceError as problem:
            self._lose(problem)
            raise TimeoutError from problem
        return None if frame is None else self._counted(frame)

    def close(self) -> None:
        """Close what is open."""
        if self._source is not None:
            self._let_go(self._source)

    def _open_first(self) -> str:
        try:
            self._source = self._opening()
        except SourceError as problem:
            if not self._patient:
                raise
            self._lose(problem)
            return problem.where
        return self._source.name

    def _open_again(self, timeout_s: float) -> bool:
        """Whether the source is open, after waiting for the next attempt's turn as long as `timeout_s` allows."""
        wait_s = self._next_attempt - time.monotonic()
        time.sleep(min(max(wait_s, 0.0), timeout_s))
        if wait_s > timeout_s:
            return False
        self._opened_at = time.monotonic()
        try:
            self._source = self._opening()
        except FerryError as problem:
            # Also what would have been the person's mistake at first: it has been right before.
            self._lose(problem)
            return False
        return True

    def _counted(self, frame: Frame) -> Frame:
        now = time.monotonic()
        if self._last_at is not None and self._away_since is None:
            self._intervals.append(now - self._last_at)
        if self._away_since is not None:
            self.reopened += 1
        if self._away_since is not None or self._last_at is None:
            took_s = _FIRST_FRAME_TIMES * (now - self._opened_at)
            self._first_frame_s = min(max(took_s, _LEAST_FIRST_FRAME_S), FIRST_FRAME_S)
        self._last_at, self._away_since, self._waited_s = now, None, 0.0
        frame = msgspec.structs.replace(frame, source=self.name, index=self._index)
        self._index += 1
        return frame

    def _patience_s(self) -> float:
        """How long reads may wait in all before the source counts as hung."""
        if self._away_since is not None or len(self._intervals) < _RHYTHM_FRAMES:
            return self._first_frame_s
        if self._stall_s is not None:
            return self._stall_s
        rhythm_s = median(self._intervals)
        return min(max(_STALL_INTERVALS * rhythm_s + _STALL_SPARE_S, _LEAST_STALL_S), FIRST_FRAME_S)

    def _stalled(self) -> SourceError:
        return SourceError(
            f"no frame came for {self._waited_s:.1f} s", where=self.name, fix="Check the camera, its cable and power."
        )

    def _lose(self, problem: FerryError) -> None:
        """Close it and set the next attempt; raise `problem` when nothing ever came and nobody is patient."""
        if self._source is not None:
            self._let_go(self._source)
        if self._index == 0 and not self._patient:
            raise problem
        self.last_error, self._waited_s = str(problem), 0.0
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
            self.outages += 1
        if self._last_at is not None and self._last_at - self._opened_at > _STEADY_S:
            self._attempts = 0
        short = now - self._away_since < _SHORT_FOR_S
        pause_s = min(_FIRST_PAUSE_S * 2 ** min(self._attempts, 10), _SHORT_PAUSE_S if short else _LONG_PAUSE_S)
        self._attempts += 1
        # From one beginning to the next: an attempt that took long has waited already.
        self._next_attempt = self._opened_at + pause_s * random.uniform(0.7, 1.0)

    def _let_go(self, source: Source) -> None:
        source.close()
        self._skipped_before += getattr(source, "skipped", 0)
        self._source = None
