"""A simulated device's walk through one assignment: the agent's states and verdicts, virtual frames, a real download.

The order of steps is the table in `contract/states.py`, the verdicts are `contract/health.py`'s, a restart means what
`contract/progress.py` says. What has no meaning without a model (unpacking, golden frames) takes a moment and happens.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from msgspec.structs import replace

from contract.errors import UpdateError
from contract.health import Verdict, shadow_verdict, verdict
from contract.manifest import Digest
from contract.messages import Assignment
from contract.moments import unix_s
from contract.progress import Progress
from contract.states import Cause, Event, next_state
from fleet.simulator.behaviours import Character, Traits
from fleet.simulator.fetch import FetchError, Wanted, fetch, sample
from fleet.simulator.sights import FRAMES_PER_S, Sights
from fleet.simulator.tally import Tally

_STEP_S = 0.1
"""Verifying, staging and testing take about so long each."""


class FailedError(Exception):
    """The new model is not for this device."""

    def __init__(self, cause: Cause, detail: str) -> None:
        super().__init__(detail)
        self.cause: Cause = cause
        self.detail = detail


class Supplies(Protocol):
    """What devices of one process share while they fetch."""

    turns: asyncio.Semaphore
    tally: Tally
    whole_share: float
    """Of devices that fetch the whole file; the others ask for its end."""


class Walk:
    """One assignment. `tell` hears each new progress, `switch` which model serves from now on."""

    def __init__(
        self,
        character: Character,
        sights: Sights,
        traits: Traits,
        supplies: Supplies,
        progress: Progress,
        *,
        serving: Digest,
        tell: Callable[[Progress], None],
        switch: Callable[[Assignment | None], None],
    ) -> None:
        self.progress = progress
        self._character, self._sights, self._traits, self._supplies = character, sights, traits, supplies
        self._serving, self._tell, self._switch = serving, tell, switch
        assert progress.assignment is not None
        self._assignment = progress.assignment
        self._floor_s, self._since_s = _moment(progress.assignment.issued_at), time.monotonic()

    @property
    def silenced(self) -> bool:
        """Whether this device will say nothing more after the switch. The same answer each time."""
        return self._character.behaviour.falls_silent or self._unlucky("silent", self._traits.silent)

    async def carry_out(self) -> None:
        """From where the table begins to one of its ends."""
        self.progress = replace(self.progress, state="idle", tries=self.progress.tries + 1)
        if self._assignment.digest == self._serving:
            self._step("serving", detail="it serves already")
            return
        self._step("assigned")
        try:
            await self._staged()
            self._step("agreed", detail=await self._shadowed())
            self._switch(self._assignment)
            self._step("switched")
            self._step("healthy", detail=await self._proved())
        except FailedError as problem:
            if self.progress.state == "provisional":
                self._switch(None)
            self._step("failed", cause=problem.cause, detail=problem.detail)

    async def _staged(self) -> None:
        self._check_deadline()
        await self._fetched()
        self._step("arrived")
        for event in ("trusted", "staged"):
            await self._takes(_STEP_S)
            self._step(event)
        await self._takes(_STEP_S)
        if self._unlucky("golden", self._traits.golden):
            raise FailedError("golden", "1 of 8 known pictures gave another answer")
        self._step("passed")

    async def _fetched(self) -> None:
        told, behaviour, tally = self._assignment, self._character.behaviour, self._supplies.tally
        offer = told.delta
        wanted = Wanted(told.url, told.digest, told.size_bytes)
        if offer is not None:
            wanted = Wanted(offer.url, offer.digest, offer.size_bytes)
        try:
            async with self._supplies.turns:
                self._check_deadline()
                if self._character.chance.random() >= self._supplies.whole_share:
                    received = await sample(wanted)
                    tally.fetched_bytes += received
                    tally.sampled += 1
                    return
                cut_at = 0.5 if behaviour.cut_after_s else None
                received = await fetch(wanted, bytes_per_s=behaviour.bytes_per_s, cut_at=cut_at)
                tally.fetched_bytes += received
                tally.fetched += 1
        except (FetchError, OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as problem:
            what = problem.what if isinstance(problem, UpdateError) else str(problem) or type(problem).__name__
            raise FailedError("download", what) from problem

    async def _shadowed(self) -> str:
        limits = self._assignment.limits
        if limits.shadow_frames == 0:
            return "no shadow run was asked for"
        await self._takes(limits.shadow_frames / FRAMES_PER_S)
        return _kept(shadow_verdict(self._sights.beside(limits, self._traits), limits, time_is_up=False))

    async def _proved(self) -> str:
        limits = self._assignment.limits
        await self._takes(limits.health_frames / FRAMES_PER_S)
        if self._character.behaviour.crashes_new_models or self._unlucky("crash", self._traits.crash):
            raise FailedError("crash", "its process died and could not be started again")
        return _kept(verdict(self._sights.serving(limits, self._traits), limits, time_is_up=False))

    async def _takes(self, seconds: float) -> None:
        await asyncio.sleep(seconds * self._character.behaviour.pace_factor * self._character.chance.uniform(0.8, 1.2))
        self._check_deadline()

    def _check_deadline(self) -> None:
        """By this device's clock, which may be wrong but is never behind what the assignment proves."""
        proved_s = self._floor_s + time.monotonic() - self._since_s
        now_s = max(time.time() + self._character.clock_off_s, proved_s)
        if now_s > _moment(self._assignment.deadline):
            raise FailedError("deadline", "not finished in time")

    def _unlucky(self, what: str, share: float) -> bool:
        """Whether this device is among the share of devices on which this release does that: always the same ones."""
        return share > 0 and self._character.draw(what, self._assignment.digest) < share

    def _step(self, event: Event, *, cause: Cause | None = None, detail: str = "") -> None:
        state = next_state(self.progress.state, event)
        self.progress = replace(self.progress, state=state, cause=cause, detail=detail)
        self._tell(self.progress)


def _kept(found: Verdict | None) -> str:
    """The words of a healthy verdict, or the cause of another."""
    assert found is not None, "the window is over"
    if found.cause is not None:
        raise FailedError(found.cause, found.detail)
    return found.detail


def _moment(text: str) -> float:
    try:
        return unix_s(text)
    except ValueError:
        return 0.0
