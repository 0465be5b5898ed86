"""Who gets a release, in which order: pure, from what is known of the devices to waves and blockers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from contract.errors import ConfigError
from fleet.rolling import rates

DEFAULT_PHASES = ("1", "all")
_PHASE = re.compile(r"([1-9][0-9]{0,8})|([0-9]{1,3}(?:\.[0-9]{1,3})?)%")


class Candidate(NamedTuple):
    """A device as far as planning cares."""

    device: str
    profile: str
    """Empty where the device never said."""
    digest: str | None
    """Of the bundle that serves now."""
    online: bool
    flapping: str = ""
    """Why it is in the penalty box; empty where it is not."""


class Placement(NamedTuple):
    """One bundle for one device."""

    device: str
    digest: str


class Blocker(NamedTuple):
    """Why a device cannot take part."""

    device: str
    reason: str
    cause: str = "profile"


class Plan(NamedTuple):
    """The whole of it; every candidate is in exactly one place."""

    waves: tuple[tuple[Placement, ...], ...]
    already: tuple[str, ...]
    """Devices that run the very bundle."""
    blocked: tuple[Blocker, ...]
    held_back: tuple[Placement, ...] = ()
    """Devices that stay on the old model for good."""
    rated_from: int | None = None
    """The first wave that is told at the rate of the last phase."""


def plan(
    candidates: Iterable[Candidate],
    bundles: Mapping[str, str],
    phases: Sequence[str],
    control_share: float = 0.0,
    *,
    for_good: bool = False,
) -> Plan:
    """Waves over the devices `bundles` (profile to digest) has something for.

    Devices that are online come first, then by name: a first wave that sleeps tells nothing. `control_share` of them
    (rounded down) come in a wave of their own at the very end, or not at all.
    """
    ordered = sorted(candidates, key=lambda c: (not c.online, c.device))
    blocked = tuple(_blocker(c) for c in ordered if c.profile not in bundles or c.flapping)
    fitting = [(c, bundles[c.profile]) for c in ordered if c.profile in bundles and not c.flapping]
    already = tuple(c.device for c, digest in fitting if c.digest == digest)
    wanted = [Placement(c.device, digest) for c, digest in fitting if c.digest != digest]
    control = _control(wanted, control_share)
    told = [placement for placement in wanted if placement.device not in control]
    kept = tuple(placement for placement in wanted if placement.device in control)
    ends = wave_ends(phases, len(told))
    waves = tuple(tuple(told[first:end]) for first, end in pairwise((0, *ends)))
    rated = max(0, len(waves) - 1) if rates.parse(phases[-1]) else None
    if for_good:
        return Plan(waves, already, blocked, kept, rated)
    return Plan((*waves, kept) if kept else waves, already, blocked, (), rated)


def _control(wanted: Sequence[Placement], share: float) -> frozenset[str]:
    """Devices to compare with: by a digest of their names, so that neither presence nor naming decides."""
    count = int(len(wanted) * share)
    if not count:
        return frozenset()
    drawn = sorted(wanted, key=lambda placement: hashlib.blake2b(placement.device.encode(), digest_size=8).digest())
    return frozenset(placement.device for placement in drawn[:count])


def wave_ends(phases: Sequence[str], total: int) -> tuple[int, ...]:
    """How many of `total` devices have been told after each wave; ConfigError for phases that make no sense.

    A phase is a number of devices, a share like `10%` (rounded up) or `all`, counted from the beginning; the last one
    is `all`, or a rate (`fleet/rolling/rates.py`) at which the rest is told.
    """
    if not phases or (phases[-1] != "all" and rates.parse(phases[-1]) is None):
        raise _no_phases(phases, "the last phase must be `all` or a rate")
    phases = (*phases[:-1], "all")
    ends: list[int] = []
    for phase in phases:
        end = min(_end(phase, phases, total), total)
        if end > (ends[-1] if ends else 0):
            ends.append(end)
    return tuple(ends)


def _end(phase: str, phases: Sequence[str], total: int) -> int:
    if phase == "all":
        return total
    match = _PHASE.fullmatch(phase)
    if match is None or (match[2] and not 0 < float(match[2]) <= 100):
        raise _no_phases(phases, f"{phase!r} is neither a number, nor a share up to 100%, nor `all`")
    # In thousandths of a percent: 0.1 % of 1,000 is 1, and no rounding of floats may make it 2.
    return -(-total * round(1000 * float(match[2])) // 100_000) if match[2] else int(match[1])


def _blocker(candidate: Candidate) -> Blocker:
    if candidate.flapping:
        return Blocker(candidate.device, candidate.flapping, "flapping")
    return Blocker(candidate.device, _reason(candidate))


def _reason(candidate: Candidate) -> str:
    return f"no bundle for profile {candidate.profile}" if candidate.profile else "it has not said its profile yet"


def _no_phases(phases: Sequence[str], why: str) -> ConfigError:
    return ConfigError(why, where=f"phases {','.join(phases)!r}", fix="Write them like 1,10%,all or 1,10%,50/min.")
