"""Everything a person can do from the page, in one file: each act is judged and recorded by `fleet/people/acting.py`.

`visit` is the request of the page that is open: acts come over its socket and pass no table of calls.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from starlette.requests import HTTPConnection

from contract.errors import ConfigError, FerryError
from contract.messages import Verb
from fleet.alerts.answers import AlertSilence
from fleet.alerts.silences import for_alert
from fleet.answers import Rollout, RolloutOrder, RolloutPreview
from fleet.parts import Parts
from fleet.people.acting import act
from fleet.pictures.asking import kept_file

RolloutAct = Literal["approve", "pause", "resume", "abort", "roll_back"]
DONE: dict[RolloutAct, str] = {
    "approve": "approved",
    "pause": "paused",
    "resume": "resumed",
    "abort": "aborted",
    "roll_back": "rolled back",
}


@dataclass(frozen=True, slots=True)
class Share:
    """What one device would get."""

    device: str
    wave: int
    """From 0."""
    digest: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class PlannedWave:
    """What one wave would be."""

    devices: int
    size_bytes: int
    begins_at: str = ""
    """At the earliest; empty where nobody reckons it."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a rollout would do if it began now."""

    waves: tuple[PlannedWave, ...]
    shares: tuple[Share, ...]
    """In the order in which devices would be told; not necessarily all of them."""
    already: int
    """Devices that run it."""
    blocked: tuple[tuple[str, str], ...]
    """Device and reason; not necessarily all of them."""
    blocked_total: int
    held_back: int = 0
    """Devices that keep the old model, to compare with."""
    ends_at: str = ""
    problem: str = ""
    """Why it could not begin."""

    @property
    def devices(self) -> int:
        """All that would be told."""
        return sum(wave.devices for wave in self.waves)

    @property
    def size_bytes(self) -> int:
        """All that would be fetched."""
        return sum(wave.size_bytes for wave in self.waves)


def create(parts: Parts, order: RolloutOrder, visit: HTTPConnection) -> Rollout:
    """Begin a rollout, or let it wait for approval or its window."""
    return act(parts.store, visit, "rollout created", order.release, lambda by: parts.conductor.create(order, by))


def perform(parts: Parts, what: RolloutAct, rollout: int, visit: HTTPConnection) -> Rollout:
    """One of the acts upon a rollout; `roll_back` returns the new rollout that takes everybody back."""
    method: Callable[[int, str], Rollout] = getattr(parts.conductor, what)
    return act(parts.store, visit, f"rollout {DONE[what]}", f"rollout {rollout}", lambda by: method(rollout, by))


def preview(parts: Parts, order: RolloutOrder) -> Preview:
    """Who would get what, and who cannot; nothing is begun, nobody is told."""
    return _from_answer(parts.conductor.preview(order))


def silence(parts: Parts, alert: int, minutes: float, why: str, visit: HTTPConnection) -> None:
    """Let nobody be told of an alert for a while."""
    if not why.strip():
        raise ConfigError("no reason was given", where="silence", fix="Say why, for whoever comes next.")
    order = AlertSilence(minutes=minutes, why=why.strip())

    def do(by: str) -> None:
        with parts.store.writing() as connection:
            for_alert(connection, alert, order, by, time.time())

    act(parts.store, visit, f"alert silenced for {minutes:g} min", f"alert {alert}", do)


def send(parts: Parts, device: str, verb: Verb, visit: HTTPConnection) -> float:
    """Ask a device something; how many milliseconds its answer took."""
    begun = time.monotonic()
    act(parts.store, visit, f"command {verb}", f"device {device}", lambda _by: parts.commands.ask(device, verb))
    return (time.monotonic() - begun) * 1000


def picture(parts: Parts, device: str, name: str, visit: HTTPConnection) -> bytes:
    """A picture that lies on a device, as JPEG."""
    return act(
        parts.store, visit, f"picture {name}", f"device {device}", lambda _by: kept_file(parts.commands, device, name)
    )


def refusal_words(refusal: FerryError) -> str:
    """One sentence of what, and one of what to do."""
    return f"{refusal.what[:1].upper()}{refusal.what[1:].rstrip('.')}. {refusal.fix}"


def _from_answer(found: RolloutPreview) -> Preview:
    """From the conductor's own dry run."""
    return Preview(
        waves=tuple(PlannedWave(wave.devices, wave.bytes, wave.begins_at) for wave in found.waves),
        shares=tuple(Share(d.device, d.wave, d.digest, d.bytes) for d in found.devices),
        already=found.already,
        blocked=tuple((blocker.device, blocker.reason) for blocker in found.blocked),
        blocked_total=sum(found.blocked_counts.values()),
        held_back=found.held_back,
        ends_at=found.ends_at,
        problem=" ".join(found.problems),
    )
