"""Keeps rollouts moving: lets deadlines pass, begins waves, and tells devices by signed, retained assignments.

The store decides and this file speaks: first a step is committed, then it is published. A crash between the two is
mended by publishing every open assignment again at the next connection; the counter tells the device it is the same.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import OperationalError

from contract import dsse
from contract.codec import to_json
from contract.dsse import ASSIGNMENT_TYPE
from contract.messages import Assignment, DeltaOffer
from contract.moments import rfc3339
from contract.topics import topic
from devices.keys import Signer
from fleet import rollouts, tables
from fleet.answers import HealthLimits, Rollout, RolloutOrder
from fleet.deltas import delta_path
from fleet.releases import bundle_path
from fleet.store import Store
from fleet.target_states import UNDER_WAY, expire

if TYPE_CHECKING:
    from fleet.trust.notary import Notary

LOG = logging.getLogger(__name__)
TICK_S = 1.0
METADATA_PATH = "/metadata/"


class Publish(Protocol):
    """How assignments leave: retained, or withdrawn by an empty payload."""

    def __call__(self, topic: str, payload: bytes, *, retain: bool) -> None: ...


class Conductor:
    """`start` and `close` once; `wake` it when something may have changed."""

    def __init__(
        self,
        fleet: str,
        store: Store,
        signer: Signer,
        publish: Publish,
        public_url: str,
        notary: Notary | None = None,
    ) -> None:
        self._fleet, self._store, self._signer = fleet, store, signer
        self._publish, self._public_url, self._notary = publish, public_url.rstrip("/"), notary
        self._wake, self._closing, self._again = threading.Event(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="conductor")

    @property
    def metadata_url(self) -> str:
        """Where devices find the update repository's metadata; empty where there is none."""
        return f"{self._public_url}{METADATA_PATH}" if self._notary else ""

    def start(self) -> None:
        """Begin to move rollouts."""
        self._thread.start()

    def close(self) -> None:
        """Stop after the step under way."""
        self._closing.set()
        self._wake.set()
        self._thread.join()

    def wake(self) -> None:
        """Look now rather than at the next tick."""
        self._wake.set()

    def create(self, order: RolloutOrder) -> Rollout:
        """Begin a rollout."""
        with self._store.writing() as connection:
            rollout = rollouts.create(connection, order, time.time())
            made = rollouts.show(connection, rollout)
        LOG.info("rollout %d of %s begins: %s", rollout, order.release, dict(made.counts))
        self.wake()
        return made

    def abort(self, rollout: int) -> Rollout:
        """Stop one, and take back what its unfinished devices were told."""
        with self._store.writing() as connection:
            told = rollouts.abort(connection, rollout, time.time())
            stopped = rollouts.show(connection, rollout)
        LOG.info("rollout %d was stopped by a person", rollout)
        for device in told:
            self._publish(topic(self._fleet, device, "desired"), b"", retain=True)
        return stopped

    def tell_again(self) -> None:
        """Publish every open assignment soon: the broker may have forgotten, or never got it."""
        self._again.set()
        self._wake.set()

    def tick(self) -> None:
        """One look at everything: overdue devices, then the next step of each running rollout."""
        now_s = time.time()
        with self._store.reading() as connection:
            idle = not rollouts.running(connection) and not _open(connection)
        if idle:
            return
        with self._store.writing() as connection:
            before = {(row.rollout, row.device) for row in _open(connection)}
            expire(connection, now_s)
            for rollout in rollouts.running(connection):
                rollouts.advance(connection, rollout, now_s, self._may_offer)
            fresh = [row for row in _open(connection) if (row.rollout, row.device) not in before]
            payloads = [(row.device, self._envelope(row)) for row in fresh]
        for device, payload in payloads:
            LOG.info("telling %s", device)
            self._publish(topic(self._fleet, device, "desired"), payload, retain=True)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wake.clear()
            try:
                if self._again.is_set():
                    self._tell_all()
                self.tick()
            except OperationalError as problem:
                LOG.warning("rollouts wait for the store: %s", problem.orig)
            self._wake.wait(TICK_S)

    def _tell_all(self) -> None:
        self._again.clear()
        with self._store.reading() as connection:
            payloads = [(row.device, self._envelope(row)) for row in _open(connection)]
        for device, payload in payloads:
            self._publish(topic(self._fleet, device, "desired"), payload, retain=True)

    def _envelope(self, row: Row[Any]) -> bytes:
        """The signed assignment of one row; equal rows give equal bytes."""
        assignment = Assignment(
            fleet=self._fleet,
            device=row.device,
            counter=row.counter,
            digest=row.digest,
            name=row.name,
            version=row.version,
            size_bytes=row.size_bytes,
            url=f"{self._public_url}{bundle_path(row.digest)}",
            deadline=rfc3339(row.deadline_s),
            issued_at=rfc3339(row.told_s),
            metadata_url=self.metadata_url,
            delta=self._delta(row),
            whole_if_delta_fails=row.whole_if_delta_fails,
            budget_bytes=row.budget_bytes,
            limits=HealthLimits.model_validate_json(row.limits).for_device(),
        )
        payload = to_json(assignment)
        return to_json(dsse.sign(ASSIGNMENT_TYPE, payload, self._signer.keyid, self._signer.sign, detached=False))

    def _delta(self, row: Row[Any]) -> DeltaOffer | None:
        if row.delta is None:
            return None
        url = f"{self._public_url}{delta_path(row.delta)}"
        return DeltaOffer(base=row.base, digest=row.delta, size_bytes=row.delta_bytes, url=url)

    def _may_offer(self, name: str) -> bool:
        """A delta nobody vouches for would only be refused."""
        return self._notary is None or self._notary.vouches_for(name)


def _open(connection: Connection) -> list[Row[Any]]:
    """Every assignment that has been told and not finished, with all an assignment says."""
    target, release, rollout, delta = tables.ASSIGNMENTS, tables.RELEASES, tables.ROLLOUTS, tables.DELTAS
    joined = (
        sa.select(
            target.c.rollout,
            target.c.device,
            target.c.counter,
            target.c.digest,
            target.c.told_s,
            target.c.deadline_s,
            target.c.delta,
            rollout.c.limits,
            rollout.c.whole_if_delta_fails,
            rollout.c.budget_bytes,
            release.c.name,
            release.c.version,
            release.c.size_bytes,
            delta.c.base,
            delta.c.size_bytes.label("delta_bytes"),
        )
        .join(rollout, target.c.rollout == rollout.c.id)
        .join(release, target.c.digest == release.c.digest)
        .outerjoin(delta, target.c.delta == delta.c.digest)
    )
    return list(connection.execute(joined.where(target.c.state.in_(UNDER_WAY))))
