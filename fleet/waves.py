"""Whether a rollout goes on: pure, from the states of its devices to the next step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fleet.target_states import FAILED, UNDER_WAY


class Target(NamedTuple):
    """One device of a rollout."""

    device: str
    wave: int | None
    """None for one that is not to be told."""
    state: str
    cause: str | None
    detail: str


class Tell(NamedTuple):
    """Begin the next wave."""

    wave: int


class Halt(NamedTuple):
    """Go no further."""

    cause: str
    detail: str


class Done(NamedTuple):
    """Everybody who was to be told has committed."""


class Wait(NamedTuple):
    """A wave is under way."""


Decision = Tell | Halt | Done | Wait


def decide(targets: Sequence[Target]) -> Decision:
    """The next step of a running rollout. One failure is enough to halt: silence counts as one."""
    taking_part = [target for target in targets if target.wave is not None]
    for target in taking_part:
        if target.state in FAILED:
            why = f": {target.detail}" if target.detail else ""
            return Halt(target.cause or target.state, f"{target.device} {target.state}{why}")
    if any(target.state in UNDER_WAY for target in taking_part):
        return Wait()
    waiting = [target.wave for target in taking_part if target.state == "waiting" and target.wave is not None]
    return Tell(min(waiting)) if waiting else Done()
