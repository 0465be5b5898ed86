"""One assignment's walk: from what was ordered to a model that has proved itself, or back to the one before.

The order of steps is the table in `contract/states.py`; this file does what each step says. Until the switch the old
model serves undisturbed. Slots are written before the logbook, so after a power cut `contract/progress.py` can tell
where it was. Which assignments are walked, and when, is `edge/updater.py`'s matter.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec.structs import replace

from contract.delta import DeltaError
from contract.dsse import Verifier
from contract.errors import BackendError, BundleError, FerryError, GoldenError, SignatureError
from contract.health import Comparison, Numbers, UnhealthyError, Verdict, shadow_verdict, verdict
from contract.manifest import Digest
from contract.messages import Assignment, Limits
from contract.moments import unix_s
from contract.states import Cause
from edge.budget import BudgetError
from edge.bundles import opened_bundle
from edge.deadline import Deadline, DeadlineError
from edge.download import DownloadError
from edge.durable import DiskError
from edge.eyes import Eyes
from edge.fitness import FloorError, ProfileError, check_floor, check_profile, check_release
from edge.inbox import Inbox
from edge.logbook import Logbook
from edge.metadata import ExpiredError, MetadataError
from edge.slot import Slot
from edge.slots import Slots
from edge.supply import Supply
from edge.vision.supervisor import LostError

log = logging.getLogger(__name__)

_LOOK_AGAIN_S = 0.5
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


class Walk:
    """Carries out what the logbook says. For one thread; `stop` ends all waiting."""

    def __init__(
        self,
        book: Logbook,
        slots: Slots,
        supply: Supply,
        inbox: Inbox,
        eyes: Eyes,
        *,
        publishers: Mapping[str, Verifier],
        profile: str,
        clock: Callable[[], float],
        stop: threading.Event,
    ) -> None:
        self._book, self._slots, self._supply, self._inbox, self._eyes = book, slots, supply, inbox, eyes
        self._publishers, self._profile, self._clock, self._stop = publishers, profile, clock, stop

    def carry_out(self) -> None:
        """The assignment in the logbook, from where the table begins to one of its ends. StoppingError."""
        assignment, progress = self._book.assignment, self._book.progress
        self._book.progress = replace(progress, state="idle", tries=progress.tries + 1)
        if assignment.digest == self._slots.current and not self._slots.provisional:
            self._book.step("serving", detail="it serves already")
            return
        self._book.step("assigned")
        try:
            deadline = Deadline(_moment(assignment), self._stop, clock=self._clock)
            slot = self._staged(assignment, deadline)
            self._book.step("staged")
            deadline.check()
            self._eyes.prepare(slot)
            self._book.step("passed")
            self._book.step("agreed", detail=self._shadowed(slot, assignment.limits, deadline))
            self._switch(slot)
            detail = self._proved(slot, assignment.limits, deadline)
            self._slots.commit()
            self._book.step("healthy", detail=detail)
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
        self._book.step("arrived")
        check_floor(slot.manifest, self._slots.floor)
        self._book.step("trusted")
        return slot

    def _installed(self, assignment: Assignment, deadline: Deadline) -> Slot:
        """Vouched for, fetched, checked, unpacked."""
        metadata = self._inbox.metadata if self._book.progress.local else assignment.metadata_url
        self._slots.raise_floor(self._supply.vouched_floor(assignment, metadata, deadline))
        self._slots.check_room(assignment.size_bytes)
        file = self._file_of(assignment, deadline)
        self._book.step("arrived")
        try:
            with opened_bundle(file, self._publishers) as opened:
                check_profile(opened.bundle.manifest, self._profile)
                check_release(opened.bundle.manifest, assignment)
                check_floor(opened.bundle.manifest, self._slots.floor)
                self._book.step("trusted")
                deadline.check()
                return self._slots.install(opened)
        finally:
            self._supply.used_up()

    def _file_of(self, assignment: Assignment, deadline: Deadline) -> Path:
        if self._book.progress.local:
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
        self._book.step("switched")

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
            roll_back_or_say(self._slots)
        elif self._slots.current is not None:
            self._eyes.go_back(self._slots.slot(self._slots.current))
        self._book.step("failed", cause=cause_of(problem), detail=f"{problem.what} [{problem.where}]")

    def _held(self, digest: Digest) -> Slot | None:
        """The slot of that bundle, if it is whole; a spoilt one is installed anew."""
        if digest not in self._slots.held():
            return None
        try:
            return self._slots.slot(digest)
        except BundleError as spoilt:
            log.warning("%s", spoilt)
            return None


def roll_back_or_say(slots: Slots) -> None:
    """On a disk that refuses, the record goes on saying `provisional`, and every start serves the fallback."""
    try:
        slots.roll_back()
    except DiskError as refused:
        log.error("%s", refused)


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
