"""Which telemetry windows say nothing new, so that a device in front of an empty yard costs almost no traffic.

A device is idle in a window in which no frame was answered, damaged or dropped (the motion gate was closed, or no frame
came) and no drift was judged. The first idle window is sent and says that the next may be hours away (`next_s`); what
follows is held back as one, until they are over, the device is no longer idle, or there is news an operator would want
to have: model, crashes, outages, throttling, supply, accelerator, preview, memory, temperature. News and activity are
told at once. Nothing is lost by holding back: the ledger counts on. Whether the device is there at all is presence's
matter, which needs no telemetry.
"""

from __future__ import annotations

from msgspec import structs

from contract.messages import FrameLedger
from edge.telemetry import Window

HEARTBEAT_S = 3 * 3600.0
"""An idle device says so every three hours: with pings, TLS and all headers, a month stays below a megabyte
(`scripts/bench updates_idle_traffic`)."""
_WARMER_C = 10.0
_GROWN = 1.25
"""Memory beyond this share of what was last told is news."""


class Quiet:
    """Lets windows pass, or holds them back. Not for two threads."""

    def __init__(self, heartbeat_s: float = HEARTBEAT_S) -> None:
        self._heartbeat_s = heartbeat_s
        self._seen: Window | None = None
        """The last window of all: counts are compared with it."""
        self._told: Window | None = None
        """The last one that was sent: what creeps is compared with it."""
        self._held_s = 0.0
        self._resting = False

    def passes(self, window: Window) -> Window | None:
        """What to send in place of `window`; None for nothing at this moment."""
        seen, told, self._seen = self._seen, self._told, window
        if seen is None or told is None or not is_idle(window, seen):
            return self._tell(window, resting=False)
        self._held_s += window.window_s
        if self._resting and self._held_s < self._heartbeat_s and not has_news(window, told):
            return None
        return self._tell(structs.replace(window, window_s=self._held_s, next_s=self._heartbeat_s), resting=True)

    def rest(self) -> Window | None:
        """What is still held back, for an agent that ends."""
        if self._seen is None or self._held_s == 0.0:
            return None
        return self._tell(structs.replace(self._seen, window_s=self._held_s), resting=False)

    def _tell(self, window: Window, *, resting: bool) -> Window:
        self._told, self._held_s, self._resting = window, 0.0, resting
        return window


def is_idle(window: Window, seen: Window) -> bool:
    """Whether nothing happened since `seen`."""
    return _answered(window.ledger) == _answered(seen.ledger) and not window.drift


def has_news(window: Window, told: Window) -> bool:
    """Whether something is no longer as `told` said."""
    return (
        _state(window) != _state(told)
        or _temperature_changed_c(window, told) >= _WARMER_C
        or window.rss_bytes > told.rss_bytes * _GROWN
    )


def _answered(ledger: FrameLedger) -> tuple[object, ...]:
    """Every count that grows when a frame matters; gated frames, and so captured ones, do not."""
    return ledger.inferred, ledger.damaged, ledger.dropped


def _state(window: Window) -> tuple[object, ...]:
    return (
        window.model,
        window.digest,
        window.restarts,
        window.outages,
        window.left,
        window.fallback,
        window.throttled,
        window.under_voltage,
    )


def _temperature_changed_c(window: Window, told: Window) -> float:
    if window.temperature_c is None or told.temperature_c is None:
        return 0.0 if window.temperature_c is told.temperature_c else _WARMER_C
    return abs(window.temperature_c - told.temperature_c)
