"""One reading of one device against the limits: good, bad or between, and for what is bad the words to say it.

Pure. `Seen` is the part of a reading that is looked at; the rest is not even decoded, which matters with thousands of
devices, and neither is any of it the garbage collector's business, because nothing here points back. Counters of a
device begin anew when its agent or model does, so only what was added between two readings of one boot and bundle
counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from msgspec import Struct

from contract.messages import Count
from fleet.alerts.rules import Level, Watch, judge
from fleet.alerts.settings import AlertSettings

_DAY_S = 86_400.0
_LESSON_S = 60.0
"""What is usual is learned from one reading a minute: a day of them is enough for a median."""
Judged = tuple[Level, str]
"""How it is, and the words for what is BAD."""
GOOD: Judged = (Level.GOOD, "")
UNKNOWN: Judged = (Level.UNKNOWN, "")


class Tail(Struct, frozen=True, gc=False):
    """The percentile that is watched."""

    p95: float


class Stages(Struct, frozen=True, gc=False):
    """The stage that is watched."""

    total: Tail | None = None


class Lamps(Struct, frozen=True, gc=False):
    """Of one camera's closed window."""

    input_changed: bool = False
    model_suffering: bool = False


DARK = Lamps()


class Ledger(Struct, frozen=True, gc=False):
    """As in `contract.messages.FrameLedger`."""

    captured: Count = 0
    inferred: Count = 0
    gated: Count = 0
    damaged: Count = 0
    dropped: dict[str, Count] = {}


NOTHING = Ledger()


class Seen(Struct, frozen=True, gc=False):
    """What is watched of a reading."""

    digest: str = ""
    window_s: float = 5.0
    """Of this reading, in seconds."""
    next_s: float | None = None
    ledger: Ledger = Ledger()
    latency_ms: Stages = Stages()
    temperature_c: float | None = None
    throttled: bool | None = None
    under_voltage: bool | None = None
    drift: dict[str, Lamps] = {}
    restarts: dict[str, Count] = {}
    outages: dict[str, Count] = {}


@dataclass(slots=True)
class Burst:
    """How often something happened lately, from a counter that may begin anew."""

    total: int | None = None
    times: list[tuple[float, int]] = field(default_factory=list)

    def take(self, total: int, now_s: float, within_s: float) -> int:
        """The number within the last `within_s`; the first total only says where counting begins."""
        if total == self.total and not self.times:
            return 0
        before = total if self.total is None else self.total
        added = total - before if total >= before else total
        self.total = total
        if added:
            self.times.append((now_s, added))
        if self.times:
            self.times = [(at_s, count) for at_s, count in self.times if at_s > now_s - within_s]
        return sum(count for _, count in self.times)


@dataclass(slots=True)
class Usual:
    """The device's own day: a running median of its latency with one bundle."""

    p95_ms: float | None = None
    learned_s: float = 0.0
    skipped_s: float = 0.0
    """Since the last reading it learned from."""

    def learn(self, p95_ms: float, window_s: float) -> None:
        """Move towards `p95_ms`, at most as far as a day allows.

        The median of a stream needs only the sign of each difference (Ma, Muthukrishnan, Sandler 2013, "frugal
        streaming"); here it is taken of the logarithm and weighed by time: after the first day, one of doubled
        latency moves it by a factor of two. Before, steps are as large as what has been seen is little.
        """
        if not (p95_ms > 0 and math.isfinite(p95_ms) and 0 < window_s < _DAY_S):
            return
        if self.p95_ms is None:
            self.p95_ms, self.learned_s = p95_ms, window_s
            return
        self.learned_s = min(_DAY_S, self.learned_s + window_s)
        step = 2 ** (window_s / self.learned_s)
        moved = self.p95_ms * step if p95_ms > self.p95_ms else self.p95_ms / step
        self.p95_ms = min(moved, p95_ms) if p95_ms > self.p95_ms else max(moved, p95_ms)


@dataclass(slots=True)
class Memory:
    """What must be kept of a device's earlier readings to judge the next."""

    boot: str = ""
    sequence: int = 0
    digest: str = ""
    ledger: Ledger = NOTHING
    """As last seen."""
    counted: Ledger = NOTHING
    """As far as it is in the fleet's totals."""
    dropped: int = 0
    """All causes of `ledger` together."""
    usual: Usual = field(default_factory=Usual)
    restarts: Burst = field(default_factory=Burst)
    outages: Burst = field(default_factory=Burst)
    lamps: Lamps = DARK
    """As its last closed windows had them, all cameras together."""
    interval_s: float = 0.0
    """Between two readings, by the device's own word."""
    met: bool = False
    """Whether its presence was looked at before."""
    watches: dict[str, Watch] = field(default_factory=dict)
    """By kind, where something is or may be wrong: empty for a healthy device."""


def begins_anew(memory: Memory, boot: str, seen: Seen) -> bool:
    """Whether the device counts from nothing again."""
    return memory.boot != boot or memory.digest != seen.digest or seen.ledger.captured < memory.ledger.captured


def added(old: Ledger, new: Ledger) -> Ledger:
    """Frames between two ledgers of one boot and bundle."""
    return Ledger(
        captured=new.captured - old.captured,
        inferred=max(0, new.inferred - old.inferred),
        gated=max(0, new.gated - old.gated),
        damaged=max(0, new.damaged - old.damaged),
        dropped={c: n - old.dropped.get(c, 0) for c, n in new.dropped.items() if n > old.dropped.get(c, 0)},
    )


def is_plainly_good(memory: Memory, seen: Seen, settings: AlertSettings) -> bool:
    """Whether every rule would find nothing, at a glance: most readings of most devices, and much cheaper.

    It may say no of a good reading, never yes of another.
    """
    warmth, tail, usual, rule = seen.temperature_c, seen.latency_ms.total, memory.usual, settings.latency
    if seen.throttled or seen.under_voltage or seen.drift or seen.restarts or seen.outages:
        return False
    if memory.restarts.times or memory.outages.times:
        return False
    if warmth is not None and warmth >= settings.heat.clear_below_c:
        return False
    dropped = sum(seen.ledger.dropped.values()) - memory.dropped
    if dropped and dropped >= settings.drops.clear_below * (seen.ledger.captured - memory.ledger.captured):
        return False
    if tail is None:
        return True
    if rule.above_ms is not None and tail.p95 >= rule.above_ms * rule.clear_share:
        return False
    return rule.factor is None or usual.p95_ms is None or tail.p95 < rule.factor * rule.clear_share * usual.p95_ms


def judgements(memory: Memory, seen: Seen, now_s: float, settings: AlertSettings) -> Iterator[tuple[str, Judged]]:
    """Every rule on one reading that follows what `memory` holds; changes the counters in it, and not its ledger."""
    if settings.latency.enabled:
        yield "latency", _latency(memory.usual, seen, settings)
    if settings.drift.enabled and seen.drift:
        yield "drift", _drift(seen, settings)
    if settings.drops.enabled:
        yield "drops", _drops(memory, seen, settings)
    if settings.heat.enabled:
        yield "heat", _heat(seen, settings)
    if settings.restarts.enabled:
        count = memory.restarts.take(sum(seen.restarts.values()), now_s, settings.restarts.within_s)
        yield "restarts", _often(count, settings.restarts.times, "restarts of inference", seen.restarts)
    if settings.outages.enabled:
        count = memory.outages.take(sum(seen.outages.values()), now_s, settings.outages.within_s)
        yield "outages", _often(count, settings.outages.times, "outages of cameras", seen.outages)


def remember(memory: Memory, boot: str, sequence: int, seen: Seen) -> None:
    """Keep what the next reading is judged by."""
    memory.boot, memory.sequence, memory.digest, memory.ledger = boot, sequence, seen.digest, seen.ledger
    memory.dropped = sum(seen.ledger.dropped.values())
    memory.interval_s = seen.window_s if seen.next_s is None else max(seen.window_s, seen.next_s)
    if seen.drift:
        windows = seen.drift.values()
        memory.lamps = Lamps(any(w.input_changed for w in windows), any(w.model_suffering for w in windows))
    usual = memory.usual
    usual.skipped_s += seen.window_s
    if seen.latency_ms.total is not None and (usual.skipped_s >= _LESSON_S or usual.p95_ms is None):
        usual.learn(seen.latency_ms.total.p95, usual.skipped_s)
        usual.skipped_s = 0.0


def _latency(usual: Usual, seen: Seen, settings: AlertSettings) -> Judged:
    if seen.latency_ms.total is None:
        return UNKNOWN
    rule, p95_ms = settings.latency, seen.latency_ms.total.p95
    limits = []
    if rule.above_ms is not None:
        limits.append((rule.above_ms, "the limit"))
    if rule.factor is not None and usual.p95_ms is not None and usual.learned_s >= rule.learn_s:
        limits.append((rule.factor * usual.p95_ms, f"{rule.factor:g} times its usual {usual.p95_ms:.1f} ms"))
    if not limits:
        return UNKNOWN
    limit_ms, what = min(limits)
    level = judge(p95_ms, bad=limit_ms, good=limit_ms * rule.clear_share)
    return (level, f"latency p95 {p95_ms:.1f} ms, {what} is {limit_ms:.1f} ms") if level is Level.BAD else (level, "")


def _drift(seen: Seen, settings: AlertSettings) -> Judged:
    rule = settings.drift
    suffering = sorted(name for name, lamps in seen.drift.items() if lamps.model_suffering and rule.model_suffering)
    changed = sorted(name for name, lamps in seen.drift.items() if lamps.input_changed and rule.input_changed)
    words = [f"model suffering ({', '.join(suffering)})"] if suffering else []
    words += [f"input changed ({', '.join(changed)})"] if changed else []
    return (Level.BAD, "; ".join(words)) if words else GOOD


def _drops(memory: Memory, seen: Seen, settings: AlertSettings) -> Judged:
    rule, old, new = settings.drops, memory.ledger, seen.ledger
    captured = new.captured - old.captured
    if captured < rule.frames:
        return UNKNOWN
    share = (sum(new.dropped.values()) - memory.dropped) / captured
    level = judge(share, bad=rule.above, good=max(rule.clear_below, 1e-9))
    if level is not Level.BAD:
        return level, ""
    causes = ", ".join(f"{count} {cause}" for cause, count in sorted(added(old, new).dropped.items())[:5])
    return level, f"{share:.0%} of {captured} frames dropped ({causes})"


def _heat(seen: Seen, settings: AlertSettings) -> Judged:
    rule, warmth = settings.heat, seen.temperature_c
    words = []
    if rule.throttled and seen.throttled:
        words.append("the processor is held back")
    if rule.under_voltage and seen.under_voltage:
        words.append("the power supply is too weak")
    if warmth is not None and warmth >= rule.above_c:
        words.insert(0, f"{warmth:.0f} °C")
    if words:
        return Level.BAD, ", ".join(words)
    if warmth is None:
        return UNKNOWN if seen.throttled is None and seen.under_voltage is None else GOOD
    return judge(warmth, bad=math.inf, good=rule.clear_below_c), ""


def _often(count: int, times: int, what: str, by: dict[str, int]) -> Judged:
    if count >= times:
        named = ", ".join(f"{cause} {n}" for cause, n in sorted(by.items())[:5])
        return Level.BAD, f"{count} {what} (in all: {named})"
    return GOOD if count == 0 else (Level.BETWEEN, "")
