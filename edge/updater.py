"""The update walk: one assignment from its envelope to `committed`, or back to the model that served before.

The order of steps is the table in `contract/states.py`; this file does what each step says, on a thread beside the
camera's. Until the switch the old model serves undisturbed. Success is nothing but a new model that has answered its
golden frames and kept the fleet's limits on this device. Slots are written before the record of the walk, so after a
power cut `edge/progress.py` can tell where it was.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from msgspec.structs import replace

from contract.device import DeviceConfig
from contract.errors import BackendError, BundleError, FerryError, SignatureError
from contract.manifest import Digest
from contract.messages import Assignment, Limits
from contract.moments import unix_s
from contract.result import Result
from contract.states import Cause, Event, next_state
from edge import candidate
from edge.candidate import ProfileError
from edge.deadline import Deadline, DeadlineError, StoppingError
from edge.download import DownloadError
from edge.durable import Disk, DiskError
from edge.golden import GoldenError
from edge.health import HealthWindow, UnhealthyError, verdict
from edge.loading import Loading
from edge.model import LoadedModel
from edge.progress import Progress, ProgressFile, after_restart
from edge.slots import Slot, Slots
from edge.trust import Trust, checked_assignment

log = logging.getLogger(__name__)

DOWNLOADS = "downloads"
_LOOK_AGAIN_S = 0.5
_STOP_S = 5.0
_CAUSES: dict[type[FerryError], Cause] = {
    DownloadError: "download",
    SignatureError: "signature",
    BundleError: "bundle",
    ProfileError: "profile",
    DiskError: "disk",
    GoldenError: "golden",
    DeadlineError: "deadline",
    BackendError: "backend",
    FerryError: "backend",
}
"""By the nearest class; whatever else keeps a model from serving is its backend's matter."""


class Serving(Protocol):
    """What answers the camera's frames."""

    @property
    def model(self) -> LoadedModel:
        """The model that answers at this moment."""

    def replace(self, model: LoadedModel) -> None:
        """The very next frame is answered by `model`."""


class Updater:
    """Carries out assignments, one after the other: `recover`, load a model, `start`, `stop`.

    `desired` and `observe` may be called from any thread, at any time.
    """

    def __init__(
        self,
        config: DeviceConfig,
        trust: Trust,
        slots: Slots,
        *,
        report: Callable[[Progress], None],
        loading: Loading | None = None,
        on_end: Callable[[], None] = lambda: None,
        disk: Disk | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`report` hears of each state; new models are opened by `loading`.

        `on_end` is called when the thread ends, even by a bug.
        """
        self._config, self._trust, self._slots = config, trust, slots
        self._loading = loading or Loading()
        self._report, self._on_end, self._clock = report, on_end, clock
        self._disk = disk or Disk()
        self._file = ProgressFile(Path(config.state_dir), self._disk)
        self._progress = Progress()
        self._serving: Serving
        self._window: HealthWindow | None = None
        self._wanted: bytes | None = None
        self._wake, self._stop = threading.Event(), threading.Event()
        self._ended_well = False
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
            self._slots.roll_back()
        self._keep(progress)

    def start(self, serving: Serving) -> None:
        """Say the last outcome again, go on with what a restart interrupted, then wait for assignments."""
        self._serving = serving
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

    def observe(self, result: Result) -> None:
        """One result of the runtime; counts while its model is being watched."""
        window = self._window
        if window is not None:
            window.observe(result)

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
                self._wake.wait()
                self._wake.clear()
                payload, self._wanted = self._wanted, None
                if payload is not None and self._accepts(payload):
                    self._walk()
        except StoppingError:
            log.info("update: stopped while %s", self._progress.state)

    def _begin(self) -> None:
        """The last outcome is said again: power may have gone between its record and the outbox."""
        if self._progress.unfinished:
            self._walk()
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
        if assignment.counter <= self._progress.counter:
            log.info("assignment %d ignored: %d was accepted before", assignment.counter, self._progress.counter)
            return False
        self._keep(Progress(assignment=assignment))
        return True

    def _walk(self) -> None:
        """The accepted assignment, from where the table begins."""
        assignment, old = self._assignment(), self._serving.model
        self._progress = replace(self._progress, state="idle", tries=self._progress.tries + 1)
        if assignment.digest == old.digest:
            self._step("serving", detail="it serves already")
            return
        self._step("assigned")
        try:
            deadline = Deadline(_moment(assignment), self._stop, clock=self._clock)
            model = self._prepared(assignment, deadline)
            self._step("passed")
            self._step("agreed")
            self._switch(model)
            detail = self._proved(model, assignment.limits, deadline)
            self._slots.commit()
            self._step("healthy", detail=detail)
        except FerryError as problem:
            self._go_back(old, problem)
        finally:
            self._window = None
        self._slots.collect()

    def _prepared(self, assignment: Assignment, deadline: Deadline) -> LoadedModel:
        """The assigned model, tested, beside the one that serves. A bundle we hold is not fetched again."""
        deadline.check()
        slot = self._held(assignment.digest)
        if slot is not None:
            self._step("arrived")
            self._step("trusted")
        else:
            slot = self._installed(assignment, deadline)
        self._step("staged")
        deadline.check()
        return candidate.tested(slot, self._loading)

    def _installed(self, assignment: Assignment, deadline: Deadline) -> Slot:
        """Fetched, checked, unpacked."""
        self._slots.check_room(assignment.size_bytes)
        downloads = Path(self._config.state_dir) / DOWNLOADS
        file = candidate.fetched(assignment, downloads, deadline=deadline, disk=self._disk)
        self._step("arrived")
        try:
            publishers, profile = self._trust.publishers, self._config.profile
            bundle = candidate.checked(file, publishers, profile=profile, assignment=assignment)
            self._step("trusted")
            deadline.check()
            return self._slots.install(bundle)
        finally:
            file.unlink(missing_ok=True)

    def _switch(self, model: LoadedModel) -> None:
        """Watched from its first frame on."""
        self._slots.activate(model.digest)
        self._window = HealthWindow(model.digest)
        self._serving.replace(model)
        self._step("switched")

    def _proved(self, model: LoadedModel, limits: Limits, deadline: Deadline) -> str:
        """What the health window showed; UnhealthyError where it broke a limit."""
        window = self._window
        assert window is not None
        until_s = time.monotonic() + limits.health_s
        while True:
            numbers = window.wait(max(0.0, min(until_s - time.monotonic(), _LOOK_AGAIN_S)))
            found = verdict(numbers, limits, time_is_up=time.monotonic() >= until_s)
            if found is not None and found.cause is not None:
                raise UnhealthyError(found, where=model.manifest.release)
            if found is not None:
                return found.detail
            deadline.check()

    def _go_back(self, old: LoadedModel, problem: FerryError) -> None:
        """The old model serves, or goes on serving. A disk that refuses now is undone at the next start."""
        if self._serving.model is not old:
            self._serving.replace(old)
        if self._slots.provisional:
            try:
                self._slots.roll_back()
            except DiskError as refused:
                log.error("%s", refused)
        self._step("failed", cause=cause_of(problem), detail=f"{problem.what} [{problem.where}]")

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
