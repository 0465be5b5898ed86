"""How facts read on the page: pure functions from answers to short words and colours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from contract.moments import rfc3339, unix_s
from fleet.answers import Device
from fleet.target_states import FAILED

Presence = Literal["online", "quiet", "offline"]
Tone = Literal["good", "busy", "bad", "warn", "dim"]
QUIET_WINDOWS = 6
"""Connected, and nothing heard for so many reporting windows: something is stuck."""
MISSING = "\N{EN DASH}"
PALETTE = ("#4c8dff", "#f2a541", "#2bb3a3", "#e4677c", "#9a7bea", "#7fb93b", "#d977c9", "#4fb6e0", "#c98a5b", "#8a94a6")
"""Told apart on white and on black; the last ones of many classes share."""


def presence(device: Device, now_s: float) -> Presence:
    """Online as the broker says, unless it has long said nothing."""
    if not device.online:
        return "offline"
    if device.telemetry is None or device.last_seen is None:
        return "online"
    reading = device.telemetry
    silent_s = now_s - unix_s(device.last_seen)
    return "quiet" if silent_s > patience_s(reading.window_s, reading.next_s) else "online"


def patience_s(window_s: float, next_s: float | None) -> float:
    """How long a connected device may be silent, by its window and by what it said of its next one."""
    return max(30.0, QUIET_WINDOWS * window_s, 1.5 * (next_s or 0.0))


def ago(moment: str | None, now_s: float) -> str:
    """`4 s ago`, `12 min ago`, `3 h ago`, `5 d ago`; `never` for None."""
    if moment is None:
        return "never"
    seconds = max(0.0, now_s - unix_s(moment))
    for unit, length, most in (("s", 1, 90), ("min", 60, 5400), ("h", 3600, 129600)):
        if seconds < most:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{seconds / 86400:.0f} d ago"


def clock(moment: str) -> str:
    """`2026-03-01 12:00:05` (UTC)."""
    return moment[:19].replace("T", " ")


def clock_s(at_s: float) -> str:
    """The same from Unix seconds."""
    return clock(rfc3339(at_s))


def size(count: int) -> str:
    """Bytes for people: `34.9 kB`, `3.9 MB`."""
    for unit, length in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= length:
            return f"{count / length:.1f} {unit}"
    return f"{count} B"


def share(value: float | None) -> str:
    """`97.2 %`; a dash for None. A share that is small and not nothing never reads 0."""
    if value is None:
        return MISSING
    return "<0.1 %" if 0 < value < 0.001 else f"{value * 100:.1f} %"


def number(value: float | None, unit: str = "") -> str:
    """One decimal below 100, none above; a dash for None."""
    if value is None:
        return MISSING
    text = f"{value:,.1f}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{text} {unit}".strip()


def tone(state: str) -> Tone:
    """How a state of a device or a rollout is coloured."""
    if state in ("committed", "done"):
        return "good"
    if state in FAILED or state == "halted":
        return "bad"
    if state in ("unapproved", "scheduled", "paused"):
        return "warn"
    return "dim" if state in ("waiting", "away", "blocked", "held-back", "missed", "withdrawn", "idle") else "busy"


def colours(labels: Iterable[str]) -> dict[str, str]:
    """One colour a label, the same wherever the same labels are shown."""
    return {label: PALETTE[min(i, len(PALETTE) - 1)] for i, label in enumerate(sorted(set(labels)))}


def bar(classes: Mapping[str, int], palette: Mapping[str, str]) -> str:
    """Class counts as a CSS gradient: one sharp stripe a class, as wide as its share."""
    total = sum(classes.values())
    if not total:
        return "none"
    stops: list[str] = []
    reached = 0.0
    for label, count in sorted(classes.items()):
        end = reached + 100 * count / total
        stops.append(f"{palette[label]} {reached:.2f}% {end:.2f}%")
        reached = end
    return f"linear-gradient(to right, {', '.join(stops)})"


def legend(classes: Mapping[str, int]) -> str:
    """The same as words, most frequent first."""
    ordered = sorted(classes.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{label} {count}" for label, count in ordered) or "nothing seen"
