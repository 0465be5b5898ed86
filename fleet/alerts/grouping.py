"""From many alerts to few messages: what is to be told now, put together. Pure.

One message a kind, and the rest of that kind waits its turn: when a site or a broker goes away, people get a sentence
with a number in it, not a thousand sentences.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from contract.moments import rfc3339
from fleet.alerts.book import OPEN, Entry
from fleet.alerts.settings import RANK, AlertSettings

MOST_NAMED = 50
"""Alerts listed one by one in a message; the number is always there."""
_WORDS = {
    "offline": "offline",
    "latency": "slow",
    "drift": "drifting",
    "drops": "dropping frames",
    "heat": "too hot or short of power",
    "restarts": "restarting inference",
    "outages": "losing cameras",
}


class Told(Struct, frozen=True):
    """One alert within a message."""

    id: int
    subject: str
    device: str | None
    site: str
    rollout: int | None
    severity: str
    words: str
    since: str
    ended: str | None
    returns: int


class Notice(Struct, frozen=True, kw_only=True):
    """One message, as the outbox keeps it and a webhook gets it."""

    schema: int = 1
    fleet: str
    kind: str
    state: str
    """`open` or `ended`."""
    severity: str
    """The worst of them."""
    text: str
    """All of it in one sentence."""
    at: str
    count: int
    sites: dict[str, int]
    """Of the devices."""
    alerts: tuple[Told, ...]
    """The first 50."""
    url: str = ""
    """Where to look."""


Group = tuple[str, str]
"""Kind and state."""


def ready(
    entries: Iterable[Entry],
    last_s: dict[Group, float],
    silenced: Callable[[Entry], bool],
    now_s: float,
    settings: AlertSettings,
) -> list[list[Entry]]:
    """What is to be told now, one list a message. `last_s` says when each group was last told."""
    waiting: dict[Group, list[Entry]] = {}
    for entry in entries:
        if entry.id is None or not entry.to_tell:
            continue  # only what is written has a number and a place, by which it may be silenced
        if not _too_soon(entry, now_s, settings.quiet_s) and not silenced(entry):
            waiting.setdefault((entry.about.kind, entry.state), []).append(entry)
    return [
        group
        for key, group in sorted(waiting.items())
        if now_s - min(entry.changed_s for entry in group) >= settings.group_wait_s
        and now_s - last_s.get(key, float("-inf")) >= settings.group_interval_s
    ]


def notice(entries: Sequence[Entry], fleet: str, now_s: float, url: str = "") -> Notice:
    """One message about alerts of one kind and state."""
    first = entries[0]
    worst = sorted(entries, key=lambda entry: (-RANK[entry.severity], entry.since_s, entry.about.subject))
    return Notice(
        fleet=fleet,
        kind=first.about.kind,
        state=first.state,
        severity=worst[0].severity,
        text=_text(worst),
        at=rfc3339(now_s),
        count=len(entries),
        sites=dict(Counter(entry.site for entry in entries if entry.about.device is not None).most_common(MOST_NAMED)),
        alerts=tuple(_told(entry) for entry in worst[:MOST_NAMED]),
        url=url,
    )


def _too_soon(entry: Entry, now_s: float, quiet_s: float) -> bool:
    """Whether it flaps, and was told of already: beginning and first end are always told."""
    return entry.returns > 0 and entry.told_s is not None and now_s - entry.told_s < quiet_s


def _text(entries: Sequence[Entry]) -> str:
    first, over = entries[0], entries[0].state != OPEN
    if len(entries) == 1:
        where = f" at {first.site}" if first.site else ""
        said = f"{first.about.subject}{where}: {first.words}"
        return f"over: {said}" if over else said
    sites = Counter(entry.site for entry in entries)
    if first.about.device is None:
        said = f"{len(entries)} alerts of kind {first.about.kind}: {'; '.join(e.words for e in entries[:3])}"
        return f"over: {said}" if over else said
    what = ("no longer " if over else "") + _WORDS.get(first.about.kind, first.about.kind)
    if len(sites) == 1:
        site = next(iter(sites))
        return f"{len(entries)} devices{f' of site {site}' if site else ''} {what}"
    named = ", ".join(f"{count} of {site or 'no site'}" for site, count in sites.most_common(5))
    rest = f" and {len(sites) - 5} more sites" if len(sites) > 5 else ""
    return f"{len(entries)} devices {what}: {named}{rest}"


def _told(entry: Entry) -> Told:
    assert entry.id is not None
    return Told(
        id=entry.id,
        subject=entry.about.subject,
        device=entry.about.device,
        site=entry.site,
        rollout=entry.about.rollout,
        severity=entry.severity,
        words=entry.words,
        since=rfc3339(entry.since_s),
        ended=None if entry.ended_s is None else rfc3339(entry.ended_s),
        returns=entry.returns,
    )
