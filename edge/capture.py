"""One thread that reads a source, and one slot it hands frames over in.

With the policy `latest` (cameras, unless asked otherwise) only the newest frame is kept: what the camera sees now
matters, and a frame nobody took in time is counted as stale. With `every` (files) none is left out: the reader waits
until the slot is free, and decodes the next one meanwhile. `edge/desk.py` decides whose frame is taken next.
"""

from __future__ import annotations

import threading
from typing import Literal

from contract.errors import SourceError
from edge.frames import Frame
from edge.ledger import STALE, STOPPING, Ledger
from edge.sources import Source

Policy = Literal["latest", "every"]
_READ_TIMEOUT_S = 0.25
"""How long a source that can wait with a limit is asked to; bounds how late a stop is noticed."""
_JOIN_TIMEOUT_S = 2.0
"""A driver that hangs in a read is left behind: the thread is a daemon, and its source is not closed under it."""


class Capture:
    """Reads `source` until it ends, `limit` frames were read (`every` only), or `stop`.

    `changed` is shared by all captures of one desk and notified whenever something did. It must be re-entrant, because
    a signal handler may take it while this very thread holds it.
    """

    def __init__(
        self,
        source: Source,
        ledger: Ledger,
        changed: threading.Condition,
        *,
        policy: Policy | None = None,
        limit: int | None = None,
    ) -> None:
        self._source, self._ledger, self._changed = source, ledger, changed
        self._latest_only = (policy or ("latest" if source.live else "every")) == "latest"
        self._left = None if self._latest_only else limit
        self._slot: Frame | None = None
        self.ready = False
        """Whether a frame waits. Looked at by who holds `changed`."""
        self._reading, self._stopping, self._died = True, False, True
        self._skipped = 0
        self._failure: SourceError | None = None
        self._thread = threading.Thread(target=self._read_all, name=f"capture {source.name}", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    @property
    def over(self) -> bool:
        """Whether every frame was taken and none will come."""
        return not self._reading and self._slot is None

    @property
    def failure(self) -> SourceError | None:
        """Why the source failed, if it did. RuntimeError when the reader died of a bug; it printed the traceback."""
        if self._died and not self._reading:
            raise RuntimeError(f"the thread reading {self._source.name} died")
        return self._failure

    def pop(self) -> Frame:
        """The frame that waits, which is the caller's to count from now on. Called by who holds `changed`."""
        frame, self._slot, self.ready = self._slot, None, False
        assert frame is not None
        if not self._latest_only:
            self._changed.notify_all()
        return frame

    def quit(self) -> None:
        """Ask the reader to stop. From any thread, and from a signal handler."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def stop(self) -> None:
        """Stop reading, account for the frame still in the slot, and close the source."""
        self.quit()
        if self._thread.is_alive():
            self._thread.join(_JOIN_TIMEOUT_S)
        with self._changed:
            self._reading = False
            if self._slot is not None:
                self._give_up(self._slot, STOPPING)
                self._slot, self.ready = None, False
        if not self._thread.is_alive():
            self._source.close()

    def _read_all(self) -> None:
        try:
            while not self._stopping and self._left != 0:
                try:
                    frame = self._source.read(_READ_TIMEOUT_S)
                except TimeoutError:
                    continue
                finally:
                    self._count_skipped()
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

    def _count_skipped(self) -> None:
        """Pictures a source passed over by itself, because a newer one was there already (`Source.skipped`)."""
        skipped = getattr(self._source, "skipped", 0)
        if skipped > self._skipped:
            self._ledger.dropped(STALE, skipped - self._skipped)
            self._skipped = skipped

    def _hand_over(self, frame: Frame) -> None:
        with self._changed:
            if self._left is not None:
                self._left -= 1
            while self._slot is not None and not self._latest_only and not self._stopping:
                self._changed.wait()
            if not self._reading:
                # `stop` gave up waiting for this read: the account is closed.
                return
            if self._slot is not None:
                self._give_up(self._slot, STOPPING if self._stopping else STALE)
            self._slot, self.ready = frame, True
            self._changed.notify_all()

    def _give_up(self, frame: Frame, cause: str) -> None:
        if frame.error is not None:
            self._ledger.damaged()
        else:
            self._ledger.dropped(cause)
