"""Between the link and the store: messages wait here briefly, are committed together, and only then acknowledged.

The link's thread only puts bytes down; one thread of ours reads and writes them. It takes what has come within a fifth
of a second, or as much as one transaction should hold, whichever is first: the more waits, the more goes together. A
commit that fails because the store is busy or away is tried again until it holds; one that fails because of a single
message is done in ever smaller parts (`fleet/salvage.py`), and the culprit goes to quarantine. What the queue cannot
take is let go unacknowledged: the device still has it and will send it again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sqlalchemy.exc import DBAPIError, OperationalError

from contract.codec import to_json
from contract.messages import Reply, prepare
from contract.topics import topic
from fleet.arrivals import Arrival, Refusal, judge
from fleet.durations import Durations
from fleet.ingest import Due, record
from fleet.salvage import parts, readable
from fleet.store import Store

LOG = logging.getLogger(__name__)
TOGETHER = 500
"""Messages in one transaction."""
TOGETHER_BYTES = 4 << 20
"""And bytes: some seven thousand readings."""
LINGER_S = 0.2
WAITING_BYTES = 256 << 20
"""More is not held in memory; a fleet of 5,000 that comes back at once sends about 60 MB."""
_PATIENCE_S = 0.5
"""Pause before a failed commit is tried again."""

Publish = Callable[[str, bytes], None]


class _Heard(NamedTuple):
    """One MQTT message as it came."""

    text: str
    payload: bytes
    received_s: float
    retained: bool


class Collector:
    """`offer` messages from any thread; `start` and `close` once."""

    def __init__(self, fleet: str, store: Store, publish: Publish) -> None:
        prepare()
        self.on_commit: Callable[[], None] = lambda: None
        self.on_reply: Callable[[str, Reply], None] = lambda _device, _reply: None
        """Called with each answer to a command, on the collector's thread."""
        self.let_go = 0
        """Messages the full queue could not take."""
        self.commits = Durations()
        """How long each commit took."""
        self.heard: Counter[str] = Counter()
        """Readable messages since the start, by kind: replies are counted here and nowhere else."""
        self._fleet, self._store, self._publish = fleet, store, publish
        self._waiting: deque[_Heard] = deque()
        self._waiting_bytes = 0
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="collector")

    @property
    def waiting(self) -> int:
        """Messages received and not yet being committed."""
        return len(self._waiting)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def close(self) -> None:
        """Commit what is waiting and stop; call it when nothing is offered any more."""
        self._closing.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join()

    def offer(self, text: str, payload: bytes, retained: bool = False) -> None:
        """Take one MQTT message; never blocks for long, never raises for what is in it."""
        heard = _Heard(text, payload, time.time(), retained)
        with self._changed:
            if not self._changed.wait_for(lambda: self._waiting_bytes < WAITING_BYTES, timeout=1.0):
                self.let_go += 1
                return
            self._waiting.append(heard)
            self._waiting_bytes += len(payload)
            if len(self._waiting) == 1:
                self._changed.notify_all()

    def _run(self) -> None:
        while not self._closing.is_set() or self._waiting:
            heard = self._next()
            together = [one for message in heard for one in self._judged(message)]
            if together:
                self._commit(together)

    def _judged(self, heard: _Heard) -> Sequence[Arrival | Refusal]:
        """What the message is, or what can be read of it."""
        arrival = judge(self._fleet, heard.text, heard.payload, heard.received_s, retained=heard.retained)
        if isinstance(arrival, Arrival):
            self.heard[arrival.topic.kind] += 1
            if isinstance(arrival.message, Reply):
                self.on_reply(arrival.topic.device, arrival.message)
                return ()
            return (arrival,)
        return readable(arrival, heard.payload) if arrival is not None else ()

    def _next(self) -> list[_Heard]:
        """What comes within the linger after the first, or is enough; empty after half a second of silence."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing.is_set(), timeout=0.5)
        until = time.monotonic() + LINGER_S
        while not self._enough() and not self._closing.is_set() and (left := until - time.monotonic()) > 0:
            self._closing.wait(min(left, LINGER_S / 10))
        return self._taken()

    def _enough(self) -> bool:
        return not self._waiting or len(self._waiting) >= TOGETHER or self._waiting_bytes >= TOGETHER_BYTES

    def _taken(self) -> list[_Heard]:
        """The oldest that wait, as many as one transaction should hold."""
        taken: list[_Heard] = []
        with self._changed:
            size = 0
            while self._waiting and len(taken) < TOGETHER and size < TOGETHER_BYTES:
                taken.append(self._waiting.popleft())
                size += len(taken[-1].payload)
            self._waiting_bytes -= size
            self._changed.notify_all()
        return taken

    def _commit(self, together: Sequence[Arrival | Refusal]) -> None:
        """Store `together`, then acknowledge. Only closing ends the patience with a store that is away."""
        due = self._stored(together)
        while due is None and not self._closing.wait(_PATIENCE_S):
            due = self._stored(together)
        self._acknowledge(due or [])

    def _stored(self, together: Sequence[Arrival | Refusal]) -> list[Due] | None:
        """What may be acknowledged after one transaction; None while the store is away."""
        began_s = time.perf_counter()
        try:
            with self._store.writing() as connection:
                due = record(connection, together)
            self.commits.add(time.perf_counter() - began_s)
            return due
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
