"""Which updates are carried out, and when: assignments of the fleet, orders given at the device, models that give up.

A thread of its own takes them one after the other. What one of them does, step by step, is `edge/walk.py`'s matter;
where it stands, `edge/logbook.py`'s. Success is nothing but a new model that has answered its golden frames and kept
the fleet's limits on this device.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from contract.assignments import checked_assignment
from contract.device import DeviceConfig
from contract.errors import BackendError, FerryError, SignatureError
from contract.manifest import Digest
from contract.messages import Assignment
from contract.moments import rfc3339
from contract.progress import Progress, after_restart
from contract.states import Cause
from edge.deadline import StoppingError
from edge.durable import Disk, DiskError
from edge.eyes import Eyes
from edge.inbox import Inbox, Order
from edge.logbook import Logbook
from edge.progress import ProgressFile
from edge.slots import Slots
from edge.supply import Supply
from edge.trust import Trust
from edge.walk import Walk, roll_back_or_say

log = logging.getLogger(__name__)

_STOP_S = 5.0
_LOCAL_S = 3600.0
"""How long an order given at the device may take."""
_LOOK_INTO_INBOX_S = 1.0


class Updater:
    """Carries out assignments, one after the other: `recover`, serve a model, `start`, `stop`.

    `desired` and `give_up` may be called from any thread, at any time.
    """

    def __init__(
        self,
        config: DeviceConfig,
        trust: Trust,
        slots: Slots,
        supply: Supply,
        *,
        report: Callable[[Progress], None],
        on_settled: Callable[[], None] = lambda: None,
        on_end: Callable[[], None] = lambda: None,
        disk: Disk | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`report` hears of each state.

        `on_settled` is called when a walk is over and what nobody needs is deleted, `on_end` when the thread ends, even
        by a bug.
        """
        self._config, self._trust, self._slots, self._supply = config, trust, slots, supply
        self._on_settled, self._on_end, self._clock = on_settled, on_end, clock
        disk = disk or Disk()
        self._file = ProgressFile(Path(config.state_dir), disk)
        self._inbox = Inbox(Path(config.state_dir), disk)
        self._book = Logbook(self._file, report)
        self._eyes: Eyes
        self._wanted: bytes | None = None
        self._given_up: Digest | None = None
        self._wake, self._stop = threading.Event(), threading.Event()
        self._ended_well = False
        self.hopeless: FerryError | None = None
        """Why the thread has ended: the only model there is cannot serve."""
        self._thread = threading.Thread(target=self._run, name="updater", daemon=True)

    @property
    def broken(self) -> bool:
        """Whether the thread ended by a bug; its traceback is on standard error. To be asked after `stop`."""
        return self._thread.ident is not None and not self._thread.is_alive() and not self._ended_well

    def recover(self) -> None:
        """Undo what a restart interrupted. To be called before the current slot's model is loaded."""
        progress = after_restart(self._file.load(), provisional=self._slots.provisional, current=self._slots.current)
        if self._slots.provisional:
            log.warning("restarted while a new model was being watched: going back")
            roll_back_or_say(self._slots)
        self._book.keep(progress)
        if not progress.unfinished:
            self._collect()

    def start(self, eyes: Eyes) -> None:
        """Say the last outcome again, go on with what a restart interrupted, then wait for assignments."""
        self._eyes = eyes
        self._thread.start()

    def stop(self) -> None:
        """End the thread; an update that is on its way goes on, or is undone, after the next start.

        A server that is silent, or a model that takes its time, is not waited for longer than a few seconds.
        """
        self._stop.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(_STOP_S)

    def desired(self, payload: bytes) -> None:
        """A signed assignment, unchecked. Of several that come during a walk, the last counts."""
        self._wanted = payload
        self._wake.set()

    def give_up(self, digest: Digest) -> None:
        """The serving model's processes die again and again: after the walk under way, go back to the one before."""
        self._given_up = digest
        self._wake.set()

    def _run(self) -> None:
        try:
            self._carry_out()
            self._ended_well = True
        finally:
            self._on_end()

    def _carry_out(self) -> None:
        try:
            self._begin()
            while not self._stop.is_set():
                self._wake.wait(_LOOK_INTO_INBOX_S)
                self._wake.clear()
                self._look_round()
        except StoppingError:
            log.info("update: stopped while %s", self._book.progress.state)

    def _look_round(self) -> None:
        """Whatever somebody has asked for since the last time."""
        payload, self._wanted = self._wanted, None
        if payload is not None and self._accepts(payload):
            self._walk()
        order = self._inbox.look()
        if order is not None and self._carried_out(order):
            self._inbox.clear()
        elif order is not None:
            self._obey(order)
        given_up, self._given_up = self._given_up, None
        if given_up is not None and given_up == self._slots.current:
            self._abandon_current("crash", "its processes died again and again")

    def _begin(self) -> None:
        """The last outcome is said again: power may have gone between its record and the outbox."""
        if self._book.progress.unfinished:
            self._walk()
        elif self._book.progress.state == "committed" and self._book.assignment.digest != self._slots.current:
            # Power went after the slots had gone back and before the record said so, or the slot had been spoilt.
            self._book.step("failed", cause="interrupted", detail="the device has gone back to the model before")
        elif self._book.progress.assignment is not None:
            self._book.tell()

    def _accepts(self, payload: bytes) -> bool:
        """Whether the envelope holds a new assignment for us; its counter is consumed by that."""
        config = self._config
        try:
            assignment = checked_assignment(payload, self._trust.fleet, fleet=config.fleet, device=config.device)
        except SignatureError as problem:
            log.warning("assignment ignored: %s", problem)
            return False
        if assignment.counter <= self._book.progress.accepted:
            log.info("assignment %d ignored: %d was accepted before", assignment.counter, self._book.progress.accepted)
            return False
        self._book.keep(Progress(assignment=assignment, accepted=assignment.counter))
        return True

    def _carried_out(self, order: Order) -> bool:
        """Whether the last walk was this order's: power went before it was taken away. It must not be begun again."""
        return bool(order.id) and order.id == self._book.progress.order and not self._book.progress.unfinished

    def _obey(self, order: Order) -> None:
        """An order given at the device. It takes the same walk as an assignment, and is gone at its end."""
        if order.verb == "roll-back":
            self._abandon_current("operator", "somebody at the device asked for it")
            self._inbox.clear()
            return
        accepted = self._book.progress.accepted
        self._book.keep(Progress(assignment=self._local(order), local=True, order=order.id, accepted=accepted))
        self._walk()

    def _local(self, order: Order) -> Assignment:
        assert order.digest is not None
        return Assignment(
            fleet=self._config.fleet,
            device=self._config.device,
            counter=max(1, self._book.progress.accepted),
            digest=order.digest,
            name=order.name,
            version=order.version,
            size_bytes=order.size_bytes,
            url=self._inbox.bundle(order.digest).as_uri(),
            deadline=rfc3339(self._clock() + _LOCAL_S),
        )

    def _walk(self) -> None:
        """The accepted assignment to its end, whichever that is."""
        Walk(
            self._book,
            self._slots,
            self._supply,
            self._inbox,
            self._eyes,
            publishers=self._trust.publishers,
            profile=self._config.profile,
            clock=self._clock,
            stop=self._stop,
        ).carry_out()
        if self._book.progress.local:
            self._inbox.clear()
        self._collect()
        self._on_settled()

    def _abandon_current(self, cause: Cause, why: str) -> None:
        """Back to the fallback for good. Without one a crashing model leaves nothing to serve, and the thread ends."""
        current = self._slots.current
        if self._slots.fallback is None and cause == "operator":
            log.warning("there is no earlier model to go back to")
            return
        if self._slots.fallback is None:
            self.hopeless = BackendError(
                "the model crashes again and again, and there is no other",
                where=self._eyes.serving.release,
                fix="Roll out another model, or another version of the inference library.",
            )
            self._stop.set()
            return
        log.error("%s: going back: %s", self._eyes.serving.release, why)
        self._eyes.go_back(self._slots.slot(self._slots.roll_back()))
        assignment = self._book.progress.assignment
        if self._book.progress.state == "committed" and assignment is not None and assignment.digest == current:
            self._book.step("failed", cause=cause, detail=why)
        elif assignment is not None:
            # A report on its way, or lost and sent again, may say after the birth that the model of before serves.
            self._book.tell()

    def _collect(self) -> None:
        """What nobody needs any more; a disk that refuses is asked again before the next bundle."""
        try:
            self._slots.collect()
            self._supply.used_up()
        except DiskError as refused:
            log.warning("%s", refused)
