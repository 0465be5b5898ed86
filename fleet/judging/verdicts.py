"""What the judge says, and what it says it from."""

from __future__ import annotations

from msgspec import Struct


class Finding(Struct, frozen=True, kw_only=True):
    """One comparison as it stands."""

    metric: str
    """A name of `fleet/judging/metrics.py`, or `failures` or `silence`."""
    control: float | None
    """Of the devices on the old model: the mean change since before the update, for `latency` and `rate` as a share of
    what it was, for `failures` and `silence` the share of devices itself; None where there are none."""
    canary: float | None
    """The same of those on the new one."""
    statistic: float
    """The largest evidence so far: how many times a bet against "it does no harm" has multiplied its stake."""
    bound: float
    """Evidence that halts."""
    devices_control: int
    devices_canary: int
    after_s: float | None = None
    """How long after the switch; None where all that happened counts."""
    words: str = ""
    """One sentence for an operator."""

    @property
    def guilty(self) -> bool:
        """Whether this alone halts the rollout."""
        return self.statistic >= self.bound


class Verdict(Struct, frozen=True, kw_only=True):
    """Whether the rollout may go on."""

    halt: bool
    cause: str | None = None
    """The metric that halts."""
    detail: str = ""
    """One sentence for an operator: who, when, why; also where nothing halts."""
    findings: tuple[Finding, ...] = ()
    """The guilty first, then by how near each is to its bound."""
    pending: int = 0
    """Devices on the new model whose first comparison is not due yet: the next wave should wait for 0."""
