"""Whether a rollout goes on: pure, from the states of its devices to the next step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fleet.rolling.terms import NO_FAILURES, FailureRule
from fleet.target_states import FAILED, UNDER_WAY


class Target(NamedTuple):
    """One device of a rollout, or several of one wave in one state, of which one is named."""

    device: str
    wave: int | None
    """None for one that is not to be told."""
    state: str
    cause: str | None
    detail: str
    devices: int = 1


class Tell(NamedTuple):
    """Begin the next wave, or go on with one."""

    wave: int
    begins: bool = True
    """False where some of it were told before."""


class Halt(NamedTuple):
    """Go no further."""

    cause: str
    detail: str


class Done(NamedTuple):
    """Everybody who was to be told has committed."""


class Wait(NamedTuple):
    """A wave is under way."""


Decision = Tell | Halt | Done | Wait


def decide(targets: Sequence[Target], rule: FailureRule = NO_FAILURES) -> Decision:
    """The next step of a running rollout. Silence is a failure; one is enough to halt unless `rule` says else.

    A wave begins when nobody of the one before is under way and somebody so far has finished. Devices that were `away`
    at their turn do not hold the others up, unless there is nobody else.
    """
    taking_part = [target for target in targets if target.wave is not None]
    failed = [target for target in taking_part if target.state in FAILED]
    under_way = [target for target in taking_part if target.state in UNDER_WAY]
    done = sum(target.devices for target in taking_part if target.state == "committed")
    if failed and rule.broken(_count(failed), done + _count(failed), at_rest=not under_way):
        return _halt(failed, done, rule)
    waiting = [target.wave for target in taking_part if target.state == "waiting" and target.wave is not None]
    begun = max((t.wave for t in taking_part if t.state != "waiting" and t.wave is not None), default=-1)
    if waiting and min(waiting) <= begun:
        return Tell(min(waiting), begins=False)
    states = {target.state for target in taking_part}
    if not waiting:
        return Wait() if under_way or "away" in states else Done()
    if any(target.wave == begun for target in under_way):
        return Wait()
    if begun >= 0 and not done and not failed:
        return _unproved(states, bool(under_way), min(waiting))
    return Tell(min(waiting))


def _unproved(states: set[str], under_way: bool, wave: int) -> Decision:
    """Everybody told so far has said nothing for or against: they sleep, never came, or were stopped singly."""
    if under_way or "away" in states:
        return Wait()
    if "missed" in states:
        return Halt("offline", "nobody of the waves so far could be reached")
    return Tell(wave)


def _halt(failed: Sequence[Target], done: int, rule: FailureRule) -> Halt:
    first = failed[0]
    why = f": {first.detail}" if first.detail else ""
    words = f"{first.device} {first.state}{why}"
    if rule != NO_FAILURES:
        words = f"{_count(failed)} of {_count(failed) + done} failed, among them {words}"
    return Halt(first.cause or first.state, words)


def _count(targets: Sequence[Target]) -> int:
    return sum(target.devices for target in targets)
