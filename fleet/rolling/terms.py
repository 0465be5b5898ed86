"""What an order asks of a rollout beyond its release and its limits, as it is kept with the rollout."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct

from contract.errors import ConfigError
from contract.moments import unix_s
from fleet.answers import RolloutOrder
from fleet.rolling import filters
from fleet.rolling.windows import Window

_FAILURES = re.compile(r"([0-9]{1,9})(%?)")
_MINUTES = 60.0
_CHECK_MINUTES = 10.0
DEADLINE_STATES = (
    "assigned",
    "downloading",
    "verifying",
    "staging",
    "testing",
    "shadowing",
    "switching",
    "provisional",
)


class Target(Struct, frozen=True, kw_only=True):
    """Whom it is for; all devices where everything is None."""

    devices: tuple[str, ...] | None = None
    group: str | None = None
    where: str | None = None

    @property
    def words(self) -> str:
        """For people."""
        if self.group is not None:
            return f"group {self.group}"
        if self.where is not None:
            return f"devices where {self.where}"
        return "all devices" if self.devices is None else f"{len(self.devices)} named devices"


class Terms(Struct, frozen=True, kw_only=True):
    """Everything has a default that changes nothing, so that rollouts of before read as what they were."""

    target: Target = Target()
    soak_s: float = 0.0
    window: str = ""
    not_before_s: float | None = None
    needs_approval: bool = False
    state_minutes: dict[str, float] = {}
    max_failures: str = "0"
    min_finished: int = 10
    control_share: float = 0.0
    control_for_good: bool = False
    catch_up_days: float = 7.0
    dynamic: bool = False
    rated_from: int | None = None
    """The first wave that is told at a rate; None where there is no rate."""


def terms_of(order: RolloutOrder) -> Terms:
    """What `order` asks for, checked as far as can be without the store; ConfigError for the first thing wrong."""
    if sum(chosen is not None for chosen in (order.devices, order.group, order.where)) > 1:
        raise ConfigError(
            "it names more than one of devices, group and where", where="rollout", fix="Choose one of them."
        )
    if order.where is not None:
        filters.parse(order.where)
    Window(order.window)
    failure_rule(order.max_failures, order.min_finished, 0)
    for state in order.state_minutes:
        if state not in DEADLINE_STATES:
            raise ConfigError(
                f"{state!r} is not a state with a deadline",
                where="state_minutes",
                fix=f"Choose among {', '.join(DEADLINE_STATES)}.",
            )
    return Terms(
        target=Target(devices=order.devices, group=order.group, where=order.where),
        soak_s=order.soak_minutes * _MINUTES,
        window=order.window,
        not_before_s=_moment(order.not_before),
        needs_approval=order.needs_approval,
        state_minutes=order.state_minutes,
        max_failures=order.max_failures,
        min_finished=order.min_finished,
        control_share=order.control_share,
        control_for_good=order.control_for_good,
        catch_up_days=order.catch_up_days,
        dynamic=order.dynamic,
    )


def opens_at(terms: Terms, now_s: float) -> float:
    """The first moment from now on at which devices may be told."""
    return Window(terms.window).opens_at(max(now_s, terms.not_before_s or now_s))


def _moment(text: str | None) -> float | None:
    try:
        return None if text is None else unix_s(text)
    except (ValueError, OverflowError) as problem:
        raise ConfigError(
            f"{text!r} is not a moment with a time zone", where="not_before", fix="Write it like 2026-03-01T22:00:00Z."
        ) from problem


class FailureRule(NamedTuple):
    """How much may go wrong."""

    most: int | None
    """More failures than this halt; None where a share counts."""
    share: float = 0.0
    """0..1, of the devices that finished."""
    min_finished: int = 1
    """Within a wave the share is judged from so many finished devices on; at its end, always."""

    def broken(self, failed: int, finished: int, *, at_rest: bool) -> bool:
        """Whether to halt, `at_rest` when nobody is under way."""
        if self.most is not None:
            return failed > self.most
        return failed > self.share * finished and (at_rest or finished >= self.min_finished)


NO_FAILURES = FailureRule(0)
AUTO = "auto"
SMALL = 50
"""Devices: among so few, the statistics need more failures than anybody would let happen (docs/judging.md)."""


def failure_rule(text: str, min_finished: int, devices: int) -> FailureRule:
    """`0`, `3`, `5%` or `auto`; ConfigError for anything else.

    `auto` halts a rollout of at most `SMALL` devices by its first failure. Among more, some always fail by themselves,
    and what is too many is left to `fleet/judging`.
    """
    if text == AUTO:
        return NO_FAILURES if devices <= SMALL else FailureRule(devices)
    match = _FAILURES.fullmatch(text)
    if match is None or (match[2] and int(match[1]) > 100):
        raise ConfigError(
            f"{text!r} is neither a number, nor a share up to 100%, nor `auto`",
            where="max_failures",
            fix="Write how many devices may fail, like 3 or 5%.",
        )
    if not match[2]:
        return FailureRule(int(match[1]))
    return FailureRule(None, int(match[1]) / 100, min_finished)


def state_limits_s(chosen: Mapping[str, float], shadow_s: float, health_s: float) -> dict[str, float]:
    """Seconds a device may stay in each state; what is not here is bounded by the overall deadline alone.

    By default the checks have ten minutes each, and the two windows their own length more. A download's time is the
    link's matter, and a device that was told may be busy: there only the overall deadline counts.
    """
    checks = dict.fromkeys(("verifying", "staging", "testing", "switching"), _CHECK_MINUTES * _MINUTES)
    windows = {
        "shadowing": shadow_s + _CHECK_MINUTES * _MINUTES,
        "provisional": health_s + _CHECK_MINUTES * _MINUTES,
    }
    return {**checks, **windows, **{state: minutes * _MINUTES for state, minutes in chosen.items()}}
