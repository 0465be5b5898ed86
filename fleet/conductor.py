"""Keeps rollouts moving: lets deadlines pass, begins waves, and tells devices by signed, retained assignments.

The store decides and this file speaks: first a step is committed, then it is published. A crash between the two is
mended by publishing every open assignment again at the next connection; the counter tells the device it is the same.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
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
from fleet.answers import HealthLimits, Rollout, RolloutOrder, RolloutPreview
from fleet.deltas import delta_path
from fleet.releases import bundle_path
from fleet.rolling import deadlines, penalties, way_back
from fleet.rolling.preview import preview
from fleet.store import Store
from fleet.target_states import UNDER_WAY

if TYPE_CHECKING:
    from fleet.trust.notary import Notary

LOG = logging.getLogger(__name__)
TICK_S = 1.0
_BREATH_S = 0.02
"""Between steps of much work, so that the collector gets at the store."""
_PAGE = 1000
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
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`clock` gives Unix seconds; it may jump."""
        self._clock = clock
        self._fleet, self._store, self._signer = fleet, store, signer
        self._publish, self._public_url, self._notary = publish, public_url.rstrip("/"), notary
        self.leads: Callable[[], bool] = lambda: True
        """Whether it is this server, of several on one store, that moves rollouts: `fleet/lease.py`."""
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

    def create(self, order: RolloutOrder, by: str = "local") -> Rollout:
        """Begin a rollout."""
        with self._store.writing() as connection:
            rollout = rollouts.create(connection, order, self._clock(), by)
            made = rollouts.show(connection, rollout)
        LOG.info("rollout %d of %s begins: %s", rollout, order.release, dict(made.counts))
        self.wake()
        return made

    def preview(self, order: RolloutOrder) -> RolloutPreview:
        """What an order would do."""
        with self._store.reading() as connection:
            return preview(connection, order, self._clock(), self._may_offer)

    def approve(self, rollout: int, by: str = "local") -> Rollout:
        """Let one begin that awaits it."""
        return self._act(rollouts.approve, rollout, by)

    def pause(self, rollout: int, by: str = "local") -> Rollout:
        """Tell nobody until it is resumed."""
        return self._act(rollouts.pause, rollout, by)

    def resume(self, rollout: int, by: str = "local") -> Rollout:
        """Go on with a paused one."""
        return self._act(rollouts.resume, rollout, by)

    def abort(self, rollout: int, by: str = "local") -> Rollout:
        """Stop one, and take back what its unfinished devices were told."""
        return self._act(rollouts.abort, rollout, by)

    def roll_back(self, rollout: int, by: str = "local") -> Rollout:
        """Begin a rollout that takes everybody touched by this one back to what they ran."""
        with self._store.writing() as connection:
            back = way_back.roll_back(connection, rollout, self._clock(), by)
            made = rollouts.show(connection, back)
        LOG.info("rollout %d takes back rollout %d", back, rollout)
        self.wake()
        return made

    def _act(self, act: Callable[[Connection, int, float, str], object], rollout: int, by: str) -> Rollout:
        with self._store.writing() as connection:
            act(connection, rollout, self._clock(), by)
            acted = rollouts.show(connection, rollout)
        LOG.info("rollout %d is %s, by %s", rollout, acted.state, by)
        self.wake()
        return acted

    def tell_again(self) -> None:
        """Publish every open assignment soon: the broker may have forgotten, or never got it."""
        self._again.set()
        self._wake.set()

    def tick(self) -> bool:
        """One look at everything: overdue devices, the next step of each rollout, and what waits to be published.

        Returns whether there is more to do at once.
        """
        if self._again.is_set():
            self._tell_all()
        now_s = self._clock()
        with self._store.reading() as connection:
            idle = not rollouts.running(connection) and not _any_open(connection)
        if idle:
            return False
        with self._store.writing() as connection:
            deadlines.expire(connection, now_s)
            penalties.punish(connection, now_s)
            going_on = rollouts.running(connection)
            again = [rollouts.advance(connection, rollout, now_s, self._may_offer) for rollout in going_on]
        return self._publish_unsent() or any(again)

    def _publish_unsent(self) -> bool:
        """Say what was committed and not said yet: withdrawals first, then at most a thousand assignments."""
        table = tables.ASSIGNMENTS
        with self._store.reading() as connection:
            taken_back = list(connection.execute(_withdrawn().limit(_PAGE)))
            told = list(connection.execute(_told().where(table.c.unsent).limit(_PAGE)))
        for row in taken_back:
            self._publish(topic(self._fleet, row.device, "desired"), b"", retain=True)
        for row in told:
            self._publish(topic(self._fleet, row.device, "desired"), self._envelope(row), retain=True)
        if not told and not taken_back:
            return False
        LOG.info("told %d devices, took back %d", len(told), len(taken_back))
        keys = [{"r": row.rollout, "d": row.device, "c": row.counter} for row in (*taken_back, *told)]
        here = (table.c.rollout == sa.bindparam("r")) & (table.c.device == sa.bindparam("d"))
        # What was withdrawn between reading and now still has to be said.
        said = table.update().where(here & (table.c.counter == sa.bindparam("c")) & table.c.unsent)
        with self._store.writing() as connection:
            connection.execute(said.where(table.c.state != "withdrawn").values(unsent=False), keys)
            if taken_back:
                withdrawn = said.where(table.c.state == "withdrawn")
                connection.execute(withdrawn.values(unsent=False), keys[: len(taken_back)])
        return len(told) == _PAGE or len(taken_back) == _PAGE

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wake.clear()
            more = False
            try:
                more = self.leads() and self.tick()
            except OperationalError as problem:
                LOG.warning("rollouts wait for the store: %s", problem.orig)
            self._wake.wait(_BREATH_S if more else TICK_S)

    def _tell_all(self) -> None:
        self._again.clear()
        device, last = tables.ASSIGNMENTS.c.device, ""
        while not self._closing.is_set():
            with self._store.reading() as connection:
                page = list(connection.execute(_told().where(device > last).order_by(device).limit(_PAGE)))
            for row in page:
                self._publish(topic(self._fleet, row.device, "desired"), self._envelope(row), retain=True)
            if len(page) < _PAGE:
                return
            last = page[-1].device

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


def _any_open(connection: Connection) -> bool:
    target = tables.ASSIGNMENTS.c
    waits = target.state.in_(UNDER_WAY) | ((target.state == "withdrawn") & target.unsent)
    return connection.execute(sa.select(target.device).where(waits).limit(1)).first() is not None


def _withdrawn() -> sa.Select[Any]:
    """Assignments that were taken back, which the broker still holds."""
    target = tables.ASSIGNMENTS.c
    return sa.select(target.rollout, target.device, target.counter).where((target.state == "withdrawn") & target.unsent)


def _told() -> sa.Select[Any]:
    """Every assignment that has been told and not finished, with all an assignment says.

    Only what each device was told last: late news may have opened an older one again, and the broker keeps one.
    """
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
    later = tables.ASSIGNMENTS.alias()
    overtaken = sa.exists().where((later.c.device == target.c.device) & (later.c.counter > target.c.counter))
    return joined.where(target.c.state.in_(UNDER_WAY) & ~overtaken)
