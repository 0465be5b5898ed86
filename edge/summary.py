"""What a finished run came to, in bounded memory however long it was."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import UNSET, Struct

from contract.messages import FrameLedger, Percentiles
from contract.result import FrameError, Result, StageTimes
from edge.ledger import total
from edge.memory import resident_bytes
from edge.telemetry import stage_percentiles

if TYPE_CHECKING:
    from edge.scene.keeping import Kept

_REMEMBERED = 10_000
"""Percentiles are of the last so many answers."""


class RunSummary(Struct, frozen=True, kw_only=True):
    """What `edgeferry run --json` prints."""

    model: str
    digest: str
    signed_by: str | None
    backend: str
    source: str
    ledger: FrameLedger
    sources: dict[str, FrameLedger] = {}
    """By source, where there are several."""
    kept: dict[str, Kept] = {}
    """By source: pictures and clips a scene had stored."""
    left: dict[str, int] = {}
    """`pictures` and `bytes` that were shown to somebody else; empty when no pixel left this process."""
    seconds: float
    """From the first look for a frame to the last answer."""
    frames_per_s: float
    latency_ms: dict[str, Percentiles]
    rss_bytes: int


class Tally:
    """Collects what `RunSummary` needs while results pass by."""

    def __init__(self) -> None:
        self.first_error: FrameError | None = None
        """Of the first frame that got no answer."""
        self._began = time.monotonic()
        self._times: deque[StageTimes] = deque(maxlen=_REMEMBERED)
        self._ages_ms: deque[float] = deque(maxlen=_REMEMBERED)

    def add(self, result: Result) -> None:
        """Count one result."""
        if result.error is not UNSET and self.first_error is None:
            self.first_error = result.error
        if result.latency_ms is not UNSET:
            self._times.append(result.latency_ms)
        if result.age_ms is not UNSET:
            self._ages_ms.append(result.age_ms)

    def summary(
        self,
        *,
        model: str,
        digest: str,
        signed_by: str | None,
        backend: str,
        ledgers: Mapping[str, FrameLedger],
        kept: dict[str, Kept],
        left: dict[str, int],
    ) -> RunSummary:
        """Of everything since this tally was made; `ledgers` by source."""
        ledger = total(ledgers.values())
        seconds = time.monotonic() - self._began
        return RunSummary(
            model=model,
            digest=digest,
            signed_by=signed_by,
            backend=backend,
            source=", ".join(ledgers),
            ledger=ledger,
            sources=dict(ledgers) if len(ledgers) > 1 else {},
            kept=kept,
            left=left,
            seconds=seconds,
            frames_per_s=ledger.inferred / seconds if seconds > 0 else 0.0,
            latency_ms=stage_percentiles(self._times, self._ages_ms),
            rss_bytes=resident_bytes(),
        )


def summary_words(summary: RunSummary) -> str:
    """One line for a person."""
    ledger = summary.ledger
    gated = f", {ledger.gated} still" if ledger.gated else ""
    dropped = "".join(f", {count} {cause}" for cause, count in sorted(ledger.dropped.items()))
    total = summary.latency_ms.get("total")
    timing = f"; p50 {total.p50:.2f} ms, p95 {total.p95:.2f} ms, {summary.frames_per_s:.1f} frames/s" if total else ""
    return (
        f"{summary.model} on {summary.backend}: {ledger.captured} frames captured, {ledger.inferred} answered, "
        f"{ledger.damaged} damaged{gated}{dropped}{timing}"
    )
