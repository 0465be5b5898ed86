"""Between the link and the store: messages wait here briefly, are committed together, and only then acknowledged.

One thread writes. It takes what has come within a fifth of a second, or a hundred messages, whichever is first. A
commit that fails because the store is busy or away is tried again until it holds; one that fails because of a single
message is done in ever smaller parts (`fleet/salvage.py`), and the culprit goes to quarantine. What the queue cannot
take is let go unacknowledged: the device still has it and will send it again.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence

from sqlalchemy.exc import DBAPIError, OperationalError

from contract.codec import to_json
from contract.messages import prepare
from contract.topics import topic
from fleet.arrivals import Arrival, Refusal, judge
from fleet.ingest import Due, record
from fleet.salvage import parts, readable
from fleet.store import Store

LOG = logging.getLogger(__name__)
TOGETHER = 100
LINGER_S = 0.2
QUEUE = 10_000
_PATIENCE_S = 0.5
"""Pause before a failed commit is tried again."""

Publish = Callable[[str, bytes], None]


class Collector:
    """`offer` messages from any thread; `start` and `close` once."""

    def __init__(self, fleet: str, store: Store, publish: Publish) -> None:
        prepare()
        self.on_commit: Callable[[], None] = lambda: None
        self.let_go = 0
        """Messages the full queue could not take."""
        self._fleet, self._store, self._publish = fleet, store, publish
        self._waiting: queue.Queue[Arrival | Refusal] = queue.Queue(QUEUE)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="collector")

    @property
    def waiting(self) -> int:
        """Messages received and not yet committed."""
        return self._waiting.qsize()

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def close(self) -> None:
        """Commit what is waiting and stop; call it when nothing is offered any more."""
        self._closing.set()
        self._thread.join()

    def offer(self, text: str, payload: bytes, retained: bool = False) -> None:
        """Take one MQTT message; never blocks for long, never raises for what is in it."""
        arrival = judge(self._fleet, text, payload, time.time(), retained=retained)
        if arrival is None:
            return
        try:
            for one in readable(arrival, payload) if isinstance(arrival, Refusal) else [arrival]:
                self._waiting.put(one, timeout=1.0)
        except queue.Full:
            self.let_go += 1

    def _run(self) -> None:
        while True:
            together = self._next()
            if together:
                self._commit(together)
            elif self._closing.is_set():
                return

    def _next(self) -> list[Arrival | Refusal]:
        """What comes within the linger after the first; empty after half a second of silence."""
        together: list[Arrival | Refusal] = []
        until = time.monotonic() + 0.5
        while len(together) < TOGETHER:
            arrival = self._take(until - time.monotonic())
            if arrival is None:
                break
            if not together:
                until = time.monotonic() + LINGER_S
            together.append(arrival)
        return together

    def _take(self, timeout_s: float) -> Arrival | Refusal | None:
        try:
            return self._waiting.get(timeout=max(0.0, timeout_s))
        except queue.Empty:
            return None

    def _commit(self, together: Sequence[Arrival | Refusal]) -> None:
        """Store `together`, then acknowledge. Only closing ends the patience with a store that is away."""
        due = self._stored(together)
        while due is None and not self._closing.wait(_PATIENCE_S):
            due = self._stored(together)
        self._acknowledge(due or [])

    def _stored(self, together: Sequence[Arrival | Refusal]) -> list[Due] | None:
        """What may be acknowledged after one transaction; None while the store is away."""
        try:
            with self._store.writing() as connection:
                return record(connection, together)
        except OperationalError as problem:
            LOG.warning("%d messages wait for the store: %s", len(together), problem.orig)
            return None
        except (DBAPIError, OverflowError) as problem:
            return self._isolated(together, problem)

    def _isolated(self, together: Sequence[Arrival | Refusal], problem: Exception) -> list[Due]:
        """One of these cannot be stored, or another collector was quicker: alone, each shows which.

        A refusal that cannot be kept either is given up, and its message stays unacknowledged.
        """
        if len(together) > 1:
            return [due for one in together for due in self._stored([one]) or []]
        one = together[0]
        if isinstance(one, Arrival):
            return self._second_try(one)
        LOG.error("a message cannot even be kept in quarantine: %s", problem)
        return []

    def _second_try(self, arrival: Arrival) -> list[Due]:
        """Whoever lost a race finds its message stored now; whatever fails again is taken apart."""
        try:
            with self._store.writing() as connection:
                return record(connection, [arrival])
        except OperationalError:
            return []
        except (DBAPIError, OverflowError) as problem:
            return self._in_parts(parts(arrival, problem))

    def _in_parts(self, pieces: Sequence[Arrival | Refusal]) -> list[Due]:
        """A refusal and the batch that tells it are one transaction: nothing is acknowledged that is not kept."""
        if not any(isinstance(piece, Refusal) for piece in pieces):
            return [due for piece in pieces for due in self._stored([piece]) or []]
        try:
            with self._store.writing() as connection:
                return record(connection, pieces)
        except (DBAPIError, OverflowError) as problem:
            LOG.error("a message cannot even be kept in quarantine: %s", problem)
            return []

    def _acknowledge(self, due: Sequence[Due]) -> None:
        for device, ack in due:
            self._publish(topic(self._fleet, device, "ack"), to_json(ack))
        self.on_commit()
