"""What has been heard so far in one rollout, and what follows from it: pure, and small enough to be kept in one row.

The device is the unit: each is compared once a look, some minutes after its switch and again later, so hours of
readings of one odd device count as one odd device. The order in which devices are heard may depend on when they were
told or have committed, never on what is compared. Looking in between changes nothing, so it may be done every second.

The chance of a false halt, alpha, is shared out by the union bound: a quarter to failures, a quarter to silence, half
to what devices say; within these equally over looks and metrics, whether or not a metric is ever told.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple, Protocol

import msgspec
import numpy as np
from msgspec import Struct

from fleet.judging import wealth
from fleet.judging.metrics import METRICS
from fleet.judging.ranks import Floats, devices_above

MOST_CANARIES = 600
"""A look and metric hears no more: what so many devices do not show is left to alerts."""


class Allowed(Protocol):
    """What is let go; `fleet.judging.limits.Judging` is one."""

    @property
    def alpha(self) -> float: ...
    @property
    def looks_s(self) -> tuple[float, ...]: ...
    @property
    def failures(self) -> float | None: ...
    @property
    def silence(self) -> float | None: ...


class Changes(NamedTuple):
    """Of one metric on some devices (`windows.changes`: larger is worse), each beside a lot drawn for it, 0..1."""

    values: Floats
    lots: Floats

    def finite(self) -> Changes:
        """Without those that are no number."""
        kept = np.isfinite(self.values)
        return Changes(self.values[kept], self.lots[kept])

    def first(self, count: int) -> Changes:
        """The first `count`."""
        return Changes(self.values[:count], self.lots[:count])


class Tally(Struct):
    """One metric at one look."""

    ranks: wealth.Ranks = msgspec.field(default_factory=wealth.Ranks)
    peak: float = 0.0
    """Largest logarithm of the wealth so far."""
    canary_sum: float = 0.0
    control_sum: float = 0.0
    """Of the changes themselves; control's once a canary, as the mean at that moment."""
    controls: int = 0
    """Most devices a canary was held against."""


class Silence(Struct):
    """Who was gone at one look."""

    bets: list[float] = []
    peak: float = 0.0
    canaries: int = 0
    gone: int = 0
    controls: int = 0
    controls_gone: int = 0
    """At the latest comparison."""


class Failures(Struct):
    """Who took the update and failed, of all waves together."""

    peak: float = 0.0
    told: int = 0
    failed: int = 0


class Hearing(Struct):
    """Everything heard in one rollout."""

    tallies: dict[str, Tally] = {}
    """By `LOOK:METRIC`, the look as its place in `looks_s`."""
    silence: dict[str, Silence] = {}
    """By look."""
    failures: Failures = msgspec.field(default_factory=Failures)

    def hear_changes(self, look: int, metric: str, allowed: Allowed, control: Changes, canaries: Changes) -> None:
        """Add devices that came to this look at one time, compared over the same two spans of time.

        What is not finite is left out; without control there is nothing to compare.
        """
        threshold = allowance(allowed, metric)
        tally = self.tallies.setdefault(f"{look}:{metric}", Tally())
        control, canaries = control.finite(), canaries.finite().first(MOST_CANARIES - tally.ranks.heard)
        if threshold is None or not canaries.values.size or not control.values.size:
            return
        standing = devices_above(control.values, control.lots, canaries.values - threshold, canaries.lots)
        tally.peak = max(tally.peak, tally.ranks.play(standing, control.values.size))
        tally.canary_sum += float(np.sum(canaries.values))
        tally.control_sum += float(np.mean(control.values)) * canaries.values.size
        tally.controls = max(tally.controls, control.values.size)

    def hear_silence(
        self, look: int, allowed: Allowed, *, canaries: int, gone: int, controls: int, controls_gone: int
    ) -> None:
        """Add `canaries` that reached this look at one time, of which `gone` are not heard from any more."""
        if allowed.silence is None or not canaries:
            return
        heard = self.silence.setdefault(str(look), Silence())
        base = min(allowed.silence + (controls_gone + 1) / (controls + 2), 1.0)
        old = np.array(heard.bets) if heard.bets else np.zeros(wealth.SHARES.size)
        bets = old + wealth.share_bets(canaries, gone, base)
        heard.bets, heard.peak = bets.tolist(), max(heard.peak, wealth.mean_wealth(bets))
        heard.canaries, heard.gone = heard.canaries + canaries, heard.gone + gone
        heard.controls, heard.controls_gone = controls, controls_gone

    def hear_failures(self, allowed: Allowed, *, told: int, failed: int) -> None:
        """Of all `told` devices that reacted, `failed` have failed by now; those on their way count as well so far.

        Counting only those who have finished would be wrong: refusals are quicker than commitments.
        """
        if allowed.failures is None:
            return
        now = wealth.share_wealth(told, failed, allowed.failures)
        self.failures = Failures(peak=max(self.failures.peak, now), told=told, failed=failed)


def allowance(allowed: Allowed, metric: str) -> float | None:
    """The largest change for the worse that is let go, on the scale of `windows.changes`; None: not compared."""
    said: float | None = getattr(allowed, metric)
    return math.log1p(said) if said is not None and METRICS[metric].kind == "ratio" else said


def bounds(allowed: Allowed) -> Mapping[str, float]:
    """Evidence that halts, for each of `failures`, `silence` and `readings`: the inverses add up to alpha."""
    looks = len(allowed.looks_s)
    metrics = sum(allowance(allowed, metric) is not None for metric in METRICS)
    tests = {"failures": 4, "silence": 4 * looks, "readings": 2 * looks * max(metrics, 1)}
    return {name: number / allowed.alpha for name, number in tests.items()}
