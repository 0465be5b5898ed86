"""Heat looked at once a second, and the runtime slowed down or sped up by what the governor advises.

`edge/thermal.py` reads, `edge/heat.py` decides; this thread carries it out: fewer frames at once, and another number of
inference threads by loading the model anew beside the one that serves.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from edge.heat import Advice, Governor
from edge.runtime import Runtime
from edge.thermal import HeatSensors

log = logging.getLogger(__name__)
_EVERY_S = 1.0


class Cooling:
    """Keeps one runtime cool while it is open. `with` starts and ends it.

    `full_rate` is the configured frames a second; without one, what was measured last while cool counts. `threads` is
    told, on the cooling thread, when the advice for inference threads changes: a number, or None for as many as usual.
    `note` is told the governor's words, "" when all is well.
    """

    def __init__(
        self,
        runtime: Runtime,
        *,
        limit_c: float | None = None,
        full_rate: float | None = None,
        threads: Callable[[int | None], None] | None = None,
        note: Callable[[str], None] | None = None,
        root: Path = Path("/"),
        every_s: float = _EVERY_S,
    ) -> None:
        self._runtime, self._wanted_rate, self._every_s = runtime, full_rate, every_s
        self._sensors, self._governor = HeatSensors(root), Governor(limit_c, root=root)
        self._threads, self._note = threads, note
        self._advice = Advice(frame_share=1.0, threads=None, why="")
        self._full_rate = 0.0
        self._answered, self._looked_at = 0.0, time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="cooling", daemon=True)

    def __enter__(self) -> Cooling:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(self._every_s):
            self.look(time.monotonic())

    def look(self, now_s: float) -> None:
        """Read the sensors once and do what the governor says."""
        rate = self._rate(now_s)
        advice = self._governor.advise(self._sensors.read(), now_s)
        if advice == self._advice:
            return
        if self._advice.frame_share == 1.0:
            self._full_rate = self._wanted_rate or rate
        before, self._advice = self._advice, advice
        full = advice.frame_share == 1.0 or not self._full_rate
        self._runtime.slow_to(None if full else self._full_rate * advice.frame_share)
        if advice.threads != before.threads and self._threads is not None:
            self._threads(advice.threads)
        if advice.why != before.why:
            log.info("%s", advice.why or "cool again")
            if self._note is not None:
                self._note(advice.why)

    def _rate(self, now_s: float) -> float:
        """Answers a second and camera since the last look: what `slow_to` limits is each camera's."""
        ledgers = self._runtime.ledgers
        answered = sum(ledger.inferred for ledger in ledgers.values()) / len(ledgers)
        rate = (answered - self._answered) / max(now_s - self._looked_at, 1e-3)
        self._answered, self._looked_at = answered, now_s
        return rate
