"""The thread that keeps a store in bounds while the server runs: partitions ahead, old rows away, a step at a time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy.exc import DBAPIError

from fleet.keeping.retention import steps
from fleet.keeping.terms import Terms
from fleet.store import Store

LOG = logging.getLogger(__name__)
ROUND_S = 3600.0
"""From the end of one round to the beginning of the next."""
LOOK_S = 10.0
"""How often a server that does not lead asks whether it does now, and a store that failed is tried again."""
_SHARE = 4
"""After each step it rests this many times as long as the step took: what is urgent comes first."""


class Keeper:
    """`start` and `close` once. It works only where and while `leads` says so: one of several servers is enough."""

    def __init__(self, store: Store, terms: Terms, leads: Callable[[], bool] = lambda: True) -> None:
        self._store, self._terms, self._leads = store, terms, leads
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keeper")

    def start(self) -> None:
        """Begin with a round."""
        self._thread.start()

    def close(self) -> None:
        """Finish the step under way and stop."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        wait_s = 0.0
        while not self._closing.wait(wait_s):
            wait_s = ROUND_S if self._leads() and self._round() else LOOK_S

    def _round(self) -> bool:
        """Whether everything there was to do is done."""
        began, deleted, done = time.monotonic(), 0, False
        try:
            for step in steps(self._store, self._terms, time.time()):
                deleted += step.rows
                if self._closing.wait(_SHARE * min(time.monotonic() - began, 5.0)) or not self._leads():
                    break
                began = time.monotonic()
            else:
                done = True
        except DBAPIError as problem:
            LOG.warning("cleaning up the store goes on in %.0f s: %s", LOOK_S, problem.orig)
        if deleted:
            LOG.info("%d rows were over their time", deleted)
        return done
