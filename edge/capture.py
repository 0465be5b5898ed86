"""One thread that reads a source, and one slot it hands frames over in.

Live sources keep only the latest frame: what the camera sees now matters, and a frame nobody took in time is counted
as stale. Files keep every frame: the reader waits until the slot is free, and decodes the next one meanwhile.
"""

from __future__ import annotations

import threading
import time

from contract.errors import SourceError
from edge.frames import Frame
from edge.ledger import STALE, STOPPING, Ledger
from edge.sources import Source

_READ_TIMEOUT_S = 0.25
"""How long a source that can wait with a limit is asked to; bounds how late a stop is noticed."""
_JOIN_TIMEOUT_S = 2.0
"""A driver that hangs in a read is left behind: the thread is a daemon, and its source is not closed under it."""


class Capture:
    """Reads `source` until it ends, `limit` frames were read (files only), or `stop`."""

    def __init__(self, source: Source, ledger: Ledger, *, limit: int | None = None) -> None:
        self._source, self._ledger = source, ledger
        self._left = None if source.live else limit
        self._slot: Frame | None = None
        self._reading, self._stopping, self._died = True, False, True
        self._failure: SourceError | None = None
        # Re-entrant, because a signal handler may call `wake` while this very thread holds it.
        self._changed = threading.Condition(threading.RLock())
        self._thread = threading.Thread(target=self._read_all, name=f"capture {source.name}", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def take(self, timeout_s: float) -> Frame | None:
        """The next frame, or None when none came within `timeout_s`, the source is over or somebody called `wake`."""
        with self._changed:
            if self._slot is None and self._reading:
                self._changed.wait(timeout_s)
            frame, self._slot = self._slot, None
            self._changed.notify_all()
            return frame

    def over(self) -> bool:
        """Whether every frame was taken and none will come; SourceError when that is because the source failed.

        RuntimeError when the reader died of a bug; it printed the traceback.
        """
        with self._changed:
            if self._reading or self._slot is not None:
                return False
            if self._failure is not None:
                raise self._failure
            if self._died:
                raise RuntimeError(f"the thread reading {self._source.name} died")
            return True

    def wait(self, timeout_s: float) -> None:
        """Sleep, at most until `wake`."""
        with self._changed:
            until = time.monotonic() + timeout_s
            while not self._stopping and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)

    def wake(self) -> None:
        """Ask the reader to stop and end every wait. May be called from any thread and from a signal handler."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def stop(self) -> None:
        """Stop reading, account for the frame still in the slot, and close the source."""
        self.wake()
        if self._thread.is_alive():
            self._thread.join(_JOIN_TIMEOUT_S)
        with self._changed:
            self._reading = False
            if self._slot is not None:
                self._give_up(self._slot, STOPPING)
                self._slot = None
        if not self._thread.is_alive():
            self._source.close()

    def _read_all(self) -> None:
        try:
            while not self._stopping and self._left != 0:
                try:
                    frame = self._source.read(_READ_TIMEOUT_S)
                except TimeoutError:
                    continue
                if frame is None:
                    break
                self._hand_over(frame)
            self._died = False
        except SourceError as problem:
            self._failure, self._died = problem, False
        finally:
            with self._changed:
                self._reading = False
                self._changed.notify_all()

    def _hand_over(self, frame: Frame) -> None:
        with self._changed:
            if self._left is not None:
                self._left -= 1
            while self._slot is not None and not self._source.live and not self._stopping:
                self._changed.wait()
            if not self._reading:
                # `stop` gave up waiting for this read: the account is closed.
                return
            if self._slot is not None:
                self._give_up(self._slot, STOPPING if self._stopping else STALE)
            self._slot = frame
            self._changed.notify_all()

    def _give_up(self, frame: Frame, cause: str) -> None:
        if frame.error is not None:
            self._ledger.damaged()
        else:
            self._ledger.dropped(cause)
