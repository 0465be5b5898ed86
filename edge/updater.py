"""The update walk: one assignment from its envelope to `committed`, or back to the model that served before.

The order of steps is the table in `contract/states.py`; this file does what each step says, on a thread of its own.
Until the switch the old model serves undisturbed. Success is nothing but a new model that has answered its golden
frames and kept the fleet's limits on this device. Slots are written before the record of the walk, so after a power
cut `edge/progress.py` can tell where it was.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from msgspec.structs import replace

from contract.delta import DeltaError
from contract.device import DeviceConfig
from contract.errors import BackendError, BundleError, FerryError, GoldenError, SignatureError
from contract.manifest import Digest
from contract.messages import Assignment, Limits
from contract.moments import rfc3339, unix_s
from contract.states import Cause, Event, next_state
from edge.budget import BudgetError
from edge.bundles import opened_bundle
from edge.deadline import Deadline, DeadlineError, StoppingError
from edge.download import DownloadError
from edge.durable import Disk, DiskError
from edge.fitness import FloorError, ProfileError, check_floor, check_profile, check_release
from edge.health import Comparison, Numbers, UnhealthyError, Verdict, shadow_verdict, verdict
from edge.inbox import Inbox, Order
from edge.metadata import ExpiredError, MetadataError
from edge.progress import Progress, ProgressFile, after_restart
from edge.slot import Slot
from edge.slots import Slots
from edge.supply import Supply
from edge.trust import Trust, checked_assignment
from edge.vision.messages import Serving
from edge.vision.supervisor import LostError

log = logging.getLogger(__name__)

_LOOK_AGAIN_S = 0.5
_STOP_S = 5.0
_LOCAL_S = 3600.0
"""How long an order given at the device may take."""
_LOOK_INTO_INBOX_S = 1.0
_CAUSES: dict[type[FerryError], Cause] = {
    MetadataError: "metadata",
    ExpiredError: "expired",
    BudgetError: "budget",
    DownloadError: "download",
    DeltaError: "delta",
    SignatureError: "signature",
    BundleError: "bundle",
    ProfileError: "profile",
    FloorError: "floor",
    DiskError: "disk",
    GoldenError: "golden",
    LostError: "crash",
    DeadlineError: "deadline",
    BackendError: "backend",
    FerryError: "backend",
}
"""By the nearest class; whatever else keeps a model from serving is its backend's matter."""
_NOTHING_YET = Numbers(frames=0, errors=0, mean_confidence=None, latency_p95_ms=None)
T = TypeVar("T")


class Eyes(Protocol):
    """What answers the camera's frames: `edge/vision/supervisor.py` on a device. LostError where it died meanwhile."""

    @property
    def serving(self) -> Serving:
        """Who answers at this moment."""

    def prepare(self, slot: Slot) -> None:
        """Load another model beside, and have it answer its golden frames."""

    def shadow(self, frames: int) -> None:
        """Have it answer live frames, unheard."""

    def compared(self, timeout_s: float) -> Comparison | None:
        """What came of that, looked at after at most `timeout_s`."""

    def switch(self) -> None:
        """The prepared model answers the very next frame."""

    def watched(self, timeout_s: float) -> Numbers | None:
        """What its answers came to, looked at after at most `timeout_s`."""

    def settle(self) -> None:
        """The one before is let go."""

    def go_back(self, slot: Slot) -> None:
        """`slot` serves, whatever was tried is let go. Never fails."""


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
        self._report, self._on_settled, self._on_end, self._clock = report, on_settled, on_end, clock
        disk = disk or Disk()
        self._file = ProgressFile(Path(config.state_dir), disk)
        self._inbox = Inbox(Path(config.state_dir), disk)
        self._progress = Progress()
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
            self._roll_back_slots()
        self._keep(progress)

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
            log.info("update: stopped while %s", self._progress.state)

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
        if self._progress.unfinished:
            self._walk()
        elif self._progress.state == "committed" and self._assignment().digest != self._slots.current:
            # Power went after the slots had gone back and before the record said so, or the slot had been spoilt.
            self._step("failed", cause="interrupted", detail="the device has gone back to the model before")
        elif self._progress.assignment is not None:
            self._report(self._progress)

    def _accepts(self, payload: bytes) -> bool:
        """Whether the envelope holds a new assignment for us; its counter is consumed by that."""
        config = self._config
        try:
            assignment = checked_assignment(payload, self._trust.fleet, fleet=config.fleet, device=config.device)
        except SignatureError as problem:
            log.warning("assignment ignored: %s", problem)
            return False
        if assignment.counter <= self._progress.accepted:
            log.info("assignment %d ignored: %d was accepted before", assignment.counter, self._progress.accepted)
            return False
        self._keep(Progress(assignment=assignment, accepted=assignment.counter))
        return True

    def _carried_out(self, order: Order) -> bool:
        """Whether the last walk was this order's: power went before it was taken away. It must not be begun again."""
        return bool(order.id) and order.id == self._progress.order and not self._progress.unfinished

    def _obey(self, order: Order) -> None:
        """An order given at the device. It takes the same walk as an assignment, and is gone at its end."""
        if order.verb == "roll-back":
            self._abandon_current("operator", "somebody at the device asked for it")
            self._inbox.clear()
            return
        accepted = self._progress.accepted
        self._keep(Progress(assignment=self._local(order), local=True, order=order.id, accepted=accepted))
        self._walk()

    def _local(self, order: Order) -> Assignment:
        assert order.digest is not None
        return Assignment(
            fleet=self._config.fleet,
            device=self._config.device,
            counter=max(1, self._progress.accepted),
            digest=order.digest,
            name=order.name,
            version=order.version,
            size_bytes=order.size_bytes,
            url=self._inbox.bundle(order.digest).as_uri(),
            deadline=rfc3339(self._clock() + _LOCAL_S),
        )

    def _walk(self) -> None:
        """The accepted assignment to its end, whichever that is."""
        self._take_steps()
        if self._progress.local:
            self._inbox.clear()
        self._collect()
        self._on_settled()

    def _take_steps(self) -> None:
        """From where the table begins."""
        assignment = self._assignment()
        self._progress = replace(self._progress, state="idle", tries=self._progress.tries + 1)
        if assignment.digest == self._slots.current and not self._slots.provisional:
            self._step("serving", detail="it serves already")
            return
        self._step("assigned")
        try:
            deadline = Deadline(_moment(assignment), self._stop, clock=self._clock)
            slot = self._staged(assignment, deadline)
            self._step("staged")
            deadline.check()
            self._eyes.prepare(slot)
            self._step("passed")
            self._step("agreed", detail=self._shadowed(slot, assignment.limits, deadline))
            self._switch(slot)
            detail = self._proved(slot, assignment.limits, deadline)
            self._slots.commit()
            self._step("healthy", detail=detail)
            self._eyes.settle()
        except FerryError as problem:
            self._go_back(problem)

    def _staged(self, assignment: Assignment, deadline: Deadline) -> Slot:
        """The assigned bundle in its slot. One we hold is not fetched again, and nobody has to vouch for it."""
        deadline.check()
        if self._slots.provisional:
            # A disk that refused left the last walk's model on trial; it must not become anybody's fallback.
            self._slots.roll_back()
        slot = self._held(assignment.digest)
        if slot is None:
            return self._installed(assignment, deadline)
        self._step("arrived")
        check_floor(slot.manifest, self._slots.floor)
        self._step("trusted")
        return slot

    def _installed(self, assignment: Assignment, deadline: Deadline) -> Slot:
        """Vouched for, fetched, checked, unpacked."""
        metadata = self._inbox.metadata if self._progress.local else assignment.metadata_url
        self._slots.raise_floor(self._supply.vouched_floor(assignment, metadata, deadline))
        self._slots.check_room(assignment.size_bytes)
        file = self._file_of(assignment, deadline)
        self._step("arrived")
        try:
            with opened_bundle(file, self._trust.publishers) as opened:
                check_profile(opened.bundle.manifest, self._config.profile)
                check_release(opened.bundle.manifest, assignment)
                check_floor(opened.bundle.manifest, self._slots.floor)
                self._step("trusted")
                deadline.check()
                return self._slots.install(opened)
        finally:
            self._supply.used_up()

    def _file_of(self, assignment: Assignment, deadline: Deadline) -> Path:
        if self._progress.local:
            return self._inbox.bundle(assignment.digest)
        return self._supply.bundle(assignment, self._folder_of, deadline)

    def _folder_of(self, digest: Digest) -> Path | None:
        slot = self._held(digest)
        return None if slot is None else slot.folder

    def _shadowed(self, slot: Slot, limits: Limits, deadline: Deadline) -> str:
        """What the shadow run showed; UnhealthyError where it broke a limit."""
        if limits.shadow_frames == 0:
            return "no shadow run was asked for"
        self._eyes.shadow(limits.shadow_frames)
        nothing = Comparison(numbers=_NOTHING_YET, agreement=None, serving_p95_ms=None, memory_bytes=None)

        def look(timeout_s: float, time_is_up: bool) -> Verdict | None:
            return shadow_verdict(self._eyes.compared(timeout_s) or nothing, limits, time_is_up=time_is_up)

        return self._judged(slot, limits.shadow_s, look, deadline)

    def _switch(self, slot: Slot) -> None:
        """The slots name it first: wherever power goes, the next start knows that it is on trial."""
        self._slots.activate(slot.digest)
        self._eyes.switch()
        self._step("switched")

    def _proved(self, slot: Slot, limits: Limits, deadline: Deadline) -> str:
        """What the health window showed; UnhealthyError where it broke a limit."""

        def look(timeout_s: float, time_is_up: bool) -> Verdict | None:
            return verdict(self._eyes.watched(timeout_s) or _NOTHING_YET, limits, time_is_up=time_is_up)

        return self._judged(slot, limits.health_s, look, deadline)

    def _judged(
        self, slot: Slot, within_s: float, look: Callable[[float, bool], Verdict | None], deadline: Deadline
    ) -> str:
        """Look until there is a verdict, at the latest when the time is up."""
        until_s = time.monotonic() + within_s
        while True:
            left_s = until_s - time.monotonic()
            found = look(max(0.0, min(left_s, _LOOK_AGAIN_S)), left_s <= 0)
            if found is not None and found.cause is not None:
                raise UnhealthyError(found, where=slot.manifest.release)
            if found is not None:
                return found.detail
            deadline.check()

    def _go_back(self, problem: FerryError) -> None:
        """The old model serves, or goes on serving."""
        if self._slots.provisional:
            assert self._slots.fallback is not None
            self._eyes.go_back(self._slots.slot(self._slots.fallback))
            self._roll_back_slots()
        elif self._slots.current is not None:
            self._eyes.go_back(self._slots.slot(self._slots.current))
        self._step("failed", cause=cause_of(problem), detail=f"{problem.what} [{problem.where}]")

    def _roll_back_slots(self) -> None:
        """On a disk that refuses, the record goes on saying `provisional`, and every start serves the fallback."""
        try:
            self._slots.roll_back()
        except DiskError as refused:
            log.error("%s", refused)

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
        assignment = self._progress.assignment
        if self._progress.state == "committed" and assignment is not None and assignment.digest == current:
            self._step("failed", cause=cause, detail=why)

    def _collect(self) -> None:
        """What nobody needs any more; a disk that refuses is asked again before the next bundle."""
        try:
            self._slots.collect()
        except DiskError as refused:
            log.warning("%s", refused)

    def _step(self, event: Event, *, cause: Cause | None = None, detail: str = "") -> None:
        state = next_state(self._progress.state, event)
        self._keep(replace(self._progress, state=state, cause=cause, detail=detail))
        log.info("update %d: %s%s", self._progress.counter, state, f" ({cause}: {detail})" if cause else "")
        self._report(self._progress)

    def _keep(self, progress: Progress) -> None:
        """Remember, and write down. Without a writable disk the walk goes on to its end: the slots decide."""
        self._progress = progress
        try:
            self._file.save(progress)
        except DiskError as refused:
            log.error("%s", refused)

    def _held(self, digest: Digest) -> Slot | None:
        """The slot of that bundle, if it is whole; a spoilt one is installed anew."""
        if digest not in self._slots.held():
            return None
        try:
            return self._slots.slot(digest)
        except BundleError as spoilt:
            log.warning("%s", spoilt)
            return None

    def _assignment(self) -> Assignment:
        assert self._progress.assignment is not None
        return self._progress.assignment


def cause_of(problem: FerryError) -> Cause:
    """The word for machines, from what went wrong."""
    if isinstance(problem, UnhealthyError):
        return problem.broken
    return next(_CAUSES[kind] for kind in type(problem).__mro__ if kind in _CAUSES)


def _moment(assignment: Assignment) -> float:
    try:
        return unix_s(assignment.deadline)
    except ValueError as problem:
        raise DeadlineError(
            f"{assignment.deadline!r} is no moment",
            where="assignment deadline",
            fix="Write it as RFC 3339 with a zone, e.g. 2026-03-01T12:00:00Z.",
        ) from problem
