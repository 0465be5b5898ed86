"""What a watchman has in mind from one look to the next, and what a look at the facts makes of it. Knows no store.

A healthy device costs the comparison of its newest reading with the limits, and leaves nothing behind. While the broker
is away, and for a while after, nothing is said about who is offline: it is the server that sees nobody.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import msgspec

from fleet.alerts import tallies
from fleet.alerts.book import About, Book
from fleet.alerts.facts import Facts
from fleet.alerts.levels import (
    DARK,
    NOTHING,
    Burst,
    Memory,
    Seen,
    Usual,
    added,
    begins_anew,
    is_plainly_good,
    judgements,
    remember,
)
from fleet.alerts.rules import QUIET, Level, Patience, Watch, judge, step
from fleet.alerts.settings import AlertSettings
from fleet.alerts.tallies import Totals

_HOUR_S, _DAY_S = 3600.0, 86_400.0
_SEEN = msgspec.json.Decoder(Seen)
_SIGNED_BY_PEOPLE = ("root", "targets")
_ONCE = Patience()
Key = tuple[str, str]
"""Kind and subject."""


class Mind:
    """One watchman's memory."""

    def __init__(self, settings: AlertSettings, book: Book, memories: dict[str, Memory], causes: set[str]) -> None:
        self.settings, self.book, self.memories, self.causes = settings, book, memories, causes
        self.known = set(memories)
        """Devices with a saved tally."""
        self.fresh: Totals = Counter()
        """Frames not saved yet."""
        self.read: set[str] = set()
        """Devices with readings not saved yet."""
        self._fleet: dict[Key, Watch] = {}
        """Of things that are no device."""
        for entry in book.open_entries():
            self._watch(entry.about, Watch(is_open=True))
        self._quarantine = Burst()
        self._connected_s: float | None = None
        self._patience = _patience(settings)

    def look(self, facts: Facts, now_s: float) -> None:
        """Judge everything once; what changes is in the book."""
        self._broker(facts.connected, now_s)
        settled = self._connected_s is not None and now_s - self._connected_s >= self.settings.broker.settle_s
        presence, silent_s, memories = (
            settled and self.settings.offline.enabled,
            self.settings.offline.silent_s,
            self.memories,
        )
        for device, online, last_seen_s, boot, sequence, latest in facts.devices:
            memory = memories.get(device)
            if memory is None:
                memory = memories[device] = Memory()
            if latest is not None and (sequence != memory.sequence or boot != memory.boot):
                self._reading(device, boot or "", sequence or 0, latest, memory, now_s)
            if not presence:
                continue
            if memory.watches or not online or last_seen_s is None or now_s - last_seen_s >= silent_s:
                self._presence(device, online, last_seen_s, memory, now_s)
            memory.met = True
        self._rollouts(facts, now_s)
        self._metadata(facts, now_s)
        self._unreadable(facts, now_s)
        self._gone(facts, now_s)

    def count(self) -> None:
        """Add to the fresh totals what readings have added since."""
        for device in self.read:
            self._count(self.memories[device])

    def saved(self) -> None:
        """What was fresh is in the store."""
        self.known |= self.read
        self.fresh, self.read = Counter(), set()

    def _count(self, memory: Memory) -> None:
        if memory.counted is not memory.ledger:
            tallies.count(self.fresh, added(memory.counted, memory.ledger), self.causes)
            memory.counted = memory.ledger

    def _reading(self, device: str, boot: str, sequence: int, latest: str, memory: Memory, now_s: float) -> None:
        """A reading that was not looked at before."""
        seen = _SEEN.decode(latest)
        self.read.add(device)
        if begins_anew(memory, boot, seen):
            self._count(memory)
            memory.counted = memory.ledger = NOTHING
            memory.dropped = 0
            if memory.digest != seen.digest:
                # Another model has another latency, which rollouts judge, and another reference.
                memory.usual, memory.lamps = Usual(), DARK
        if memory.watches or not is_plainly_good(memory, seen, self.settings):
            for kind, (level, words) in judgements(memory, seen, now_s, self.settings):
                if level is Level.BAD or kind in memory.watches:
                    self._step(About(kind, device, device), level, words, now_s)
        else:
            memory.restarts.total = memory.outages.total = 0
        remember(memory, boot, sequence, seen)

    def _presence(self, device: str, online: bool, seen_s: float | None, memory: Memory, now_s: float) -> None:
        """Offline, or connected and silent."""
        rule, about = self.settings.offline, About("offline", device, device)
        silent = online and seen_s is not None and now_s - seen_s >= max(rule.silent_s, 3 * memory.interval_s)
        if online and not silent:
            if "offline" in memory.watches:
                self._step(about, Level.GOOD, "", now_s)
            return
        # What was seen to leave left now; what was gone at the first look has been gone since it was last heard.
        began_s = seen_s if silent or not memory.met else None
        words = f"connected, and silent for {_for_long(now_s - (seen_s or now_s))}" if silent else "offline"
        self._step(about, Level.BAD, words, now_s, began_s=began_s)

    def _broker(self, connected: bool, now_s: float) -> None:
        self._connected_s = (self._connected_s if self._connected_s is not None else now_s) if connected else None
        if self.settings.broker.enabled:
            level = Level.GOOD if connected else Level.BAD
            self._fleet_wide(About("broker", "broker"), level, "the server has lost its broker", now_s)

    def _rollouts(self, facts: Facts, now_s: float) -> None:
        if not self.settings.rollout_halted.enabled:
            return
        halted = {f"rollout {found.rollout}": found for found in facts.halted}
        for subject, found in halted.items():
            about = About("rollout-halted", subject, rollout=found.rollout)
            words = f"{found.release} {found.words}"
            self._fleet_wide(about, Level.BAD, words, now_s, began_s=found.since_s)
        for kind, subject in [key for key in self._fleet if key[0] == "rollout-halted" and key[1] not in halted]:
            self._fleet_wide(About(kind, subject), Level.GOOD, "", now_s)

    def _metadata(self, facts: Facts, now_s: float) -> None:
        rule = self.settings.metadata_expiry
        if not rule.enabled:
            return
        for role, expires_s in facts.expiries_s.items():
            limit_s = rule.days * _DAY_S if role in _SIGNED_BY_PEOPLE else rule.online_hours * _HOUR_S
            left_s = expires_s - now_s
            words = f"{role} expires in {_for_long(left_s)}" if left_s > 0 else f"{role} has expired"
            level = Level.BAD if left_s < limit_s else Level.GOOD
            self._fleet_wide(About("metadata-expiry", f"metadata {role}"), level, words, now_s)

    def _unreadable(self, facts: Facts, now_s: float) -> None:
        rule, burst = self.settings.quarantine, self._quarantine
        if not rule.enabled:
            return
        if burst.total is not None and facts.quarantined < burst.total:
            burst.total = facts.quarantined  # tidied up
        messages = burst.take(facts.quarantined, now_s, rule.within_s)
        level = judge(messages, bad=rule.messages, good=max(1.0, rule.messages / 10))
        words = f"{messages} messages within {_for_long(rule.within_s)} could not be read"
        self._fleet_wide(About("quarantine", "quarantine"), level, words, now_s)

    def _gone(self, facts: Facts, now_s: float) -> None:
        """Devices nobody knows any more have nothing wrong."""
        if len(self.memories) > len(facts.devices):
            here = {fact.device for fact in facts.devices}
            for device in [device for device in self.memories if device not in here]:
                for kind in self.memories.pop(device).watches:
                    self.book.end(kind, device, now_s)
                self.read.discard(device)

    def _fleet_wide(
        self, about: About, level: Level, words: str, now_s: float, *, began_s: float | None = None
    ) -> None:
        if level is Level.BAD or (about.kind, about.subject) in self._fleet:
            self._step(about, level, words, now_s, began_s=began_s)

    def _step(self, about: About, level: Level, words: str, now_s: float, *, began_s: float | None = None) -> None:
        """One look at one thing that is not plainly good."""
        watch = self._watch(about)
        new, change = step(watch, level, now_s, self._patience.get(about.kind, _ONCE), began_s=began_s)
        self._watch(about, new)
        if change == "raised":
            since_s = min(now_s if watch.since_s is None else watch.since_s, now_s if began_s is None else began_s)
            severity = self.settings.severity_of(about.kind)
            self.book.raise_(about, severity, words, since_s=since_s, now_s=now_s, quiet_s=self.settings.quiet_s)
        elif change == "cleared":
            self.book.end(about.kind, about.subject, now_s)

    def _watch(self, about: About, new: Watch | None = None) -> Watch:
        """The memory of one thing, or `new` put in its place; a quiet one is not kept."""
        kept: dict[Any, Watch] = self._fleet
        key: Any = (about.kind, about.subject)
        if about.device is not None:
            kept, key = self.memories.setdefault(about.device, Memory()).watches, about.kind
        if new == QUIET:
            kept.pop(key, None)
        elif new is not None:
            kept[key] = new
        return kept.get(key, QUIET)


def _patience(settings: AlertSettings) -> dict[str, Patience]:
    offline, broker = settings.offline, settings.broker
    counted = {
        kind: Patience(raise_looks=rule.windows, clear_looks=rule.clear_windows)
        for kind, rule in (
            ("latency", settings.latency),
            ("drift", settings.drift),
            ("drops", settings.drops),
            ("heat", settings.heat),
        )
    }
    return counted | {
        "offline": Patience(raise_s=offline.after_s, clear_s=offline.clear_s),
        "broker": Patience(raise_s=broker.after_s, clear_s=broker.clear_s),
        "restarts": _ONCE,
        "outages": _ONCE,
    }


def _for_long(seconds: float) -> str:
    """`90 s`, `15 min`, `7 h`, `12 days`: as a person would say it."""
    if not math.isfinite(seconds):
        return "a long time"
    for size, unit in ((_DAY_S, "days"), (_HOUR_S, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
