"""Who gets a release, in which order: pure, from what is known of the devices to waves and blockers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from contract.errors import ConfigError

DEFAULT_PHASES = ("1", "all")
_PHASE = re.compile(r"([1-9][0-9]{0,8})(%?)")


class Candidate(NamedTuple):
    """A device as far as planning cares."""

    device: str
    profile: str
    """Empty where the device never said."""
    digest: str | None
    """Of the bundle that serves now."""
    online: bool


class Placement(NamedTuple):
    """One bundle for one device."""

    device: str
    digest: str


class Blocker(NamedTuple):
    """Why a device cannot take part."""

    device: str
    reason: str


class Plan(NamedTuple):
    """The whole of it; every candidate is in exactly one place."""

    waves: tuple[tuple[Placement, ...], ...]
    already: tuple[str, ...]
    """Devices that run the very bundle."""
    blocked: tuple[Blocker, ...]


def plan(candidates: Iterable[Candidate], bundles: Mapping[str, str], phases: Sequence[str]) -> Plan:
    """Waves over the devices `bundles` (profile to digest) has something for.

    Devices that are online come first, then by name: a first wave that sleeps tells nothing.
    """
    ordered = sorted(candidates, key=lambda c: (not c.online, c.device))
    blocked = tuple(Blocker(c.device, _reason(c)) for c in ordered if c.profile not in bundles)
    fitting = [(c, bundles[c.profile]) for c in ordered if c.profile in bundles]
    already = tuple(c.device for c, digest in fitting if c.digest == digest)
    wanted = [Placement(c.device, digest) for c, digest in fitting if c.digest != digest]
    ends = wave_ends(phases, len(wanted))
    waves = tuple(tuple(wanted[first:end]) for first, end in pairwise((0, *ends)))
    return Plan(waves, already, blocked)


def wave_ends(phases: Sequence[str], total: int) -> tuple[int, ...]:
    """How many of `total` devices have been told after each wave; ConfigError for phases that make no sense.

    A phase is a number of devices, a share like `10%` (rounded up) or `all`, counted from the beginning.
    """
    if not phases or phases[-1] != "all":
        raise _no_phases(phases, "the last phase must be `all`")
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
    if match is None or (match[2] and int(match[1]) > 100):
        raise _no_phases(phases, f"{phase!r} is neither a number, nor a share up to 100%, nor `all`")
    return math.ceil(total * int(match[1]) / 100) if match[2] else int(match[1])


def _reason(candidate: Candidate) -> str:
    return f"no bundle for profile {candidate.profile}" if candidate.profile else "it has not said its profile yet"


def _no_phases(phases: Sequence[str], why: str) -> ConfigError:
    return ConfigError(why, where=f"phases {','.join(phases)!r}", fix="Write them like 1,10%,all.")
