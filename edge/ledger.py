"""Where every frame went, counted once, when its fate is known: captured = inferred + gated + damaged + dropped, at
any moment.

A frame that waits or is being worked on is nobody's yet, so there is never a moment at which the sum is wrong.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable

from contract.messages import FrameLedger

STALE = "stale"
"""A newer frame of a live source came before anybody took this one."""
STOPPING = "stopping"
"""Captured, and the runtime was stopped before its turn."""
FAILED = "failed"
"""The model gave no answer: the backend refused, or the numbers made no sense."""


class Ledger:
    """Counts from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inferred = self._gated = self._damaged = 0
        self._dropped: Counter[str] = Counter()

    def inferred(self) -> None:
        """One frame has its answer."""
        with self._lock:
            self._inferred += 1

    def gated(self) -> None:
        """One frame was left out because nothing moved in it."""
        with self._lock:
            self._gated += 1

    def damaged(self) -> None:
        """One frame could not be read."""
        with self._lock:
            self._damaged += 1

    def dropped(self, cause: str, count: int = 1) -> None:
        """So many frames were given up."""
        with self._lock:
            self._dropped[cause] += count

    def snapshot(self) -> FrameLedger:
        """The counts of this moment."""
        with self._lock:
            return FrameLedger(
                captured=self._inferred + self._gated + self._damaged + self._dropped.total(),
                inferred=self._inferred,
                gated=self._gated,
                damaged=self._damaged,
                dropped=dict(self._dropped),
            )


def since(now: FrameLedger, then: FrameLedger) -> FrameLedger:
    """What was counted between two snapshots of one ledger."""
    dropped = {cause: count - then.dropped.get(cause, 0) for cause, count in now.dropped.items()}
    return FrameLedger(
        captured=now.captured - then.captured,
        inferred=now.inferred - then.inferred,
        gated=now.gated - then.gated,
        damaged=now.damaged - then.damaged,
        dropped={cause: count for cause, count in dropped.items() if count},
    )


def total(ledgers: Iterable[FrameLedger]) -> FrameLedger:
    """Several cameras' ledgers as one."""
    found = FrameLedger()
    for ledger in ledgers:
        found = FrameLedger(
            captured=found.captured + ledger.captured,
            inferred=found.inferred + ledger.inferred,
            gated=found.gated + ledger.gated,
            damaged=found.damaged + ledger.damaged,
            dropped=dict(Counter(found.dropped) + Counter(ledger.dropped)),
        )
    return found
